"""The inspector's pages: static files, served without a key, since they have no user data.

Their data comes from the API, with the key that the user enters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from unlike import __version__
from unlike.evaluate import report
from unlike.inspector.headers import PAGE_HEADERS
from unlike.serve.answers import json_response
from unlike.serve.middleware import PAGES

FILES = Path(__file__).parent / "pages"
REPORT_CSS = "report.css"
"""The style sheet of reports, which the page of an experiment shows."""
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".md": "text/plain; charset=utf-8",
    ".LICENSE": "text/plain; charset=utf-8",
}
"""Content types by suffix; those that Python guesses depend on the machine."""


@dataclass(frozen=True, slots=True)
class PageConfig:
    """Configuration of the pages.

    Attributes:
        views: Views that have an API here.
        needs_key: Whether the API needs a key.
        reads_only: Whether the API is read-only.
        version: Of the program.
    """

    views: tuple[str, ...]
    needs_key: bool
    reads_only: bool = False
    version: str = __version__


def pages_router(views: Sequence[str], needs_key: bool, reads_only: bool = False) -> APIRouter:
    """Routes of the pages, at ``/inspect/``.

    Args:
        views: Views that have an API on this server, such as "users" or "runs".
        needs_key: Whether the API needs a key.
        reads_only: Whether the API is read-only.
    """
    router = APIRouter(prefix=PAGES, include_in_schema=False)
    config = PageConfig(tuple(views), needs_key, reads_only)
    files, of_reports = StaticFiles(directory=FILES), StaticFiles(directory=Path(report.__file__).parent)

    @router.get("")
    async def redirect_to_page() -> Response:  # pyright: ignore[reportUnusedFunction]
        return RedirectResponse("inspect/", headers=PAGE_HEADERS)

    @router.get("/config.json")
    async def page_config() -> Response:  # pyright: ignore[reportUnusedFunction]
        answer = json_response(config)
        answer.headers.update(PAGE_HEADERS)
        return answer

    @router.get("/")
    @router.get("/pages/{file:path}")
    async def page(request: Request, file: str = "index.html") -> Response:  # pyright: ignore[reportUnusedFunction]
        return await _file(of_reports if file == REPORT_CSS else files, file, request)

    return router


async def _file(files: StaticFiles, file: str, request: Request) -> Response:
    """A file with its type and the policy; other types than the listed ones are not served."""
    kind = TYPES.get(PurePosixPath(file).suffix)
    if kind is None:
        raise HTTPException(404, "there is no such page")
    answer = await files.get_response(file, request.scope)
    answer.headers.update(PAGE_HEADERS | {"content-type": kind})
    return answer
