"""The inspector as an application of its own: pages and a read-only API over folders or a store.

On a loopback address it needs no key. To stop DNS rebinding, where a page of another site lets its own host name point
here, the host of a request must then be a name of this machine. On other addresses a key is needed, which is generated at
each start.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unlike import __version__
from unlike.errors import InputError, UnlikeError
from unlike.inspector.headers import API_HEADERS
from unlike.inspector.page_files import pages_router
from unlike.inspector.readers.workspace import Workspace
from unlike.inspector.routes import corpus, gains, latent, maps, playground, prompts, runs
from unlike.serve.app import add_routes
from unlike.serve.errors import ErrorText, Problem, answer_invalid, answer_refused, problem_of
from unlike.serve.middleware import PAGES
from unlike.serve.no_telemetry import SILENT
from unlike.serve.routes import profiles, users
from unlike.serve.service import Service
from unlike.store.api_keys import Caller
from unlike.store.database import Tenant

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Host names of this machine, for which no key is needed."""
SERVICE_VIEWS = ("users", "map", "playground")
"""Views that a service has an API for."""
API = f"{PAGES}/api"
READ_METHODS = frozenset({"GET", "HEAD"})


def views_of(inspected: Workspace) -> tuple[str, ...]:
    """The views that a folder has data for."""
    if (inspected.where / "manifest.json").is_file():
        return ("corpus", "map")
    adapted = any(run.facts["settings"].get("adapter") for run in inspected.runs() if not run.damage)
    return ("runs", *(["latent"] if adapted else []), "corpus", "map")


def store_routers() -> list[APIRouter]:
    """The inspector's routes that a service adds to its own: maps, the playground and the pages."""
    return [maps.router, playground.router, pages_router(SERVICE_VIEWS, needs_key=True)]


def inspect_folder(inspected: Workspace, views: Sequence[str], key: str | None = None) -> FastAPI:
    """The inspector of runs, an experiment or a corpus.

    Args:
        inspected: The folder.
        views: Its views, from ``views_of``.
        key: Needed for every request; None where only this machine can reach it.
    """
    app = _app([*(module.router for module in (runs, gains, prompts, latent, corpus)), corpus.map_router], views, key)
    app.state.inspected = inspected
    return app


def inspect_store(service: Service, tenant: Tenant, key: str | None = None) -> FastAPI:
    """The inspector of a tenant's store: the service's reading routes, without an LLM and without workers.

    Args:
        service: Of the store; its LLM is never called.
        tenant: The tenant.
        key: Needed for every request; None where only this machine can reach it.
    """
    caller = Caller(tenant, "inspect", frozenset({"read"}), None)
    app = _app([module.router for module in (profiles, users, maps)], ("users", "map"), key, caller)
    app.state.service = service
    return app


def _app(routers: Sequence[APIRouter], views: Sequence[str], key: str | None, caller: Caller | None = None) -> FastAPI:
    app = FastAPI(
        title="unlike inspector",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=SILENT,
        middleware=[Middleware(ReadOnlyAccessMiddleware, key=key, caller=caller)],
        exception_handlers={
            UnlikeError: _failed,
            RequestValidationError: answer_invalid,
            HTTPException: answer_refused,
            Exception: _unexpected,
        },
    )
    app.add_route("/", _redirect_to_pages)
    add_routes(app, (*routers, pages_router(views, needs_key=key is not None, reads_only=True)))
    return app


async def _redirect_to_pages(_request: Request) -> Response:
    return RedirectResponse("inspect/")


class ReadOnlyAccessMiddleware:
    """Checks host and key, and refuses every request that would change data.

    Args:
        app: The application.
        key: Needed for every request; None where the host must be a name of this machine instead.
        caller: The caller of every request, for routes that need one.
    """

    def __init__(self, app: ASGIApp, key: str | None, caller: Caller | None) -> None:
        self._app = app
        self._digest = None if key is None else _digest(key)
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = self._caller
        problem = self._problem(scope, dict(scope["headers"]))
        handler = self._app if problem is None else problem.response()
        await handler(scope, receive, _with_headers(send))

    def _problem(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Problem | None:
        if self._digest is None and not _is_local(headers.get(b"host", b"").decode("latin-1")):
            return _problem(421, "wrong_address", "this inspector is for this machine; open it at http://127.0.0.1")
        if scope["method"] not in READ_METHODS:
            return _problem(405, "not_allowed", "this inspector is read-only; to change data, use unlike serve")
        if self._digest is None or _is_page(scope["path"]):
            return None
        sent = headers.get(b"authorization", b"").decode("latin-1").removeprefix("Bearer ").strip()
        if secrets.compare_digest(_digest(sent), self._digest):
            return None
        return _problem(401, "unauthorised", "a key is needed: the one that unlike inspect printed when it started")


def _is_local(host: str) -> bool:
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() else host).lower() in LOCAL_HOSTS


def _is_page(path: str) -> bool:
    return path in ("/", PAGES) or (path.startswith(f"{PAGES}/") and not path.startswith(API))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message.get("headers", ())}
            missing = [
                (name.encode(), value.encode()) for name, value in API_HEADERS.items() if name.encode() not in present
            ]
            message["headers"] = [*message.get("headers", ()), *missing]
        await send(message)

    return sending


def _problem(status: int, kind: str, message: str) -> Problem:
    return Problem(status, ErrorText(kind, message))


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, UnlikeError)
    if isinstance(error, InputError) and hasattr(request.app.state, "inspected"):
        return _problem(422, "invalid", str(error)).response()  # the files are the user's own, so details may be shown
    return problem_of(error).response()


async def _unexpected(_: Request, error: Exception) -> Response:
    message = f"this failed unexpectedly ({type(error).__name__}); the terminal shows the traceback"
    return _problem(500, "internal", message).response()
