"""The ASGI app: routes behind two middlewares, and the workers that build profiles in the background."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response

from unlike import __version__
from unlike.errors import UnlikeError
from unlike.memory.outdated import queue_outdated
from unlike.memory.worker import work
from unlike.serve.auth import Keys
from unlike.serve.errors import answer_invalid, answer_refused, names_of
from unlike.serve.logs import log, places_in
from unlike.serve.middleware import Gate, Watch
from unlike.serve.no_telemetry import SILENT
from unlike.serve.openapi import App
from unlike.serve.routes import chat_completions, generate, health, jobs, profiles, records, users
from unlike.serve.routes.context import service_of
from unlike.serve.service import Service

_MODULES = (generate, chat_completions, records, profiles, users, jobs, health)
ROUTERS = [module.router for module in _MODULES]


def create_app(service: Service, extra_routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The service as an ASGI app; it runs the workers while it is up.

    Args:
        service: The store behind it.
        extra_routers: Further routes, such as those of the inspector.
    """
    keys = Keys(service.store, service.settings.key_cache_s)
    gate = Middleware(Gate, keys=keys, settings=service.settings)
    app = App(
        title="unlike",
        version=__version__,
        description=health.DESCRIPTION,
        docs_url=None,  # pages that load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry=SILENT,
        middleware=[Middleware(Watch, metrics=service.metrics), gate],
        exception_handlers={
            UnlikeError: _failed,
            RequestValidationError: answer_invalid,
            HTTPException: answer_refused,
        },
        lifespan=_lifespan,
    )
    app.state.service = service
    add_routes(app, (*ROUTERS, *extra_routers))
    return app


def add_routes(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add routes as they are: ``include_router`` copies them at the first request, and finds them a third as fast."""
    for router in routers:
        app.router.routes.extend(router.routes)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    service: Service = app.state.service
    service.stop = stop = asyncio.Event()  # one of this loop
    workers = [asyncio.create_task(_keep_running(service, stop, _work)) for _ in range(service.settings.n_workers)]
    if workers:
        workers.append(asyncio.create_task(_keep_running(service, stop, _queue_outdated)))
    workers.append(asyncio.create_task(_keep_running(service, stop, _clean_up)))
    yield
    service.stop_building()
    stop.set()  # where two apps share a service, it knows the event of the later one
    await service.end(workers)
    await service.store_usage()


async def _keep_running(
    service: Service, stop: asyncio.Event, work: Callable[[Service, asyncio.Event], Awaitable[None]]
) -> None:
    """Restart work whenever it fails, as it does while the database cannot be used."""
    while not stop.is_set():
        try:
            await work(service, stop)
        except Exception as error:  # whatever it was, the queue must go on
            log("worker failed", logging.ERROR, error=names_of(error), places=places_in(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), service.settings.worker_pause_s)


async def _work(service: Service, stop: asyncio.Event) -> None:
    await work(service.store, service.memory, stop)


async def _queue_outdated(service: Service, stop: asyncio.Event) -> None:
    """Queue once the profiles that were made under other settings of the memory or for another task."""
    for tenant in await asyncio.to_thread(service.store.tenants):
        await asyncio.to_thread(queue_outdated, service.memory(tenant), models=False)
    await stop.wait()


async def _clean_up(service: Service, stop: asyncio.Event) -> None:
    """Clean up at once and then regularly: the last process may have ended between a deletion and the cleaning."""
    await asyncio.to_thread(service.clean_up)
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), service.settings.housekeeping_s)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, UnlikeError)
    problem = service_of(request).failed(error)
    if problem.status >= 500:
        request.scope["state"]["error"] = names_of(error)
    return problem.response()
