"""The two middlewares of every request: ``Watch`` logs and counts it, ``Gate`` checks key, limits and body.

Both are plain ASGI, which is faster than Starlette's middleware classes.
"""

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unlike.errors import UnlikeError
from unlike.serve.auth import Keys
from unlike.serve.errors import TRY_AGAIN_S, ClientLeft, ErrorText, Problem, names_of, refused
from unlike.serve.logs import log, places_in
from unlike.serve.prometheus import Metrics
from unlike.serve.rate_limits import Rates
from unlike.serve.reading import BytesInFlight, TooManyBytesInFlight, limit_of, read, replay
from unlike.serve.routes.context import service_of
from unlike.serve.scopes import scope_of
from unlike.settings import ServiceSettings
from unlike.store.api_keys import Caller

OPEN = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json"})
"""Paths that need no key; all others do, also those that do not exist."""
PAGES = "/inspect"
"""Below it are the inspector's pages, which hold no data; the API calls they make need a key."""
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SAFE = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
"""Headers of every answer of the API: it is data that no cache may keep."""
_GONE = 499
"""Status counted when the client disconnected before the answer."""
_STOPPING = Problem(
    503,
    ErrorText("stopping", "the service stops and cancelled this request; send it again"),
    {"retry-after": str(TRY_AGAIN_S)},
)

_TOO_MANY_BYTES = Problem(
    503,
    ErrorText("busy", "other requests with large bodies are under way; send it again later, or in smaller parts"),
    {"retry-after": str(TRY_AGAIN_S), "connection": "close"},
)


class Watch:
    """Counts and logs each request, and answers unexpected errors.

    Args:
        app: The next ASGI app.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(send, secrets.token_hex(8))
        scope.setdefault("state", {})
        try:
            await self._app(scope, receive, seen.send)
        except ClientLeft:
            pass  # no one is there to answer
        except asyncio.CancelledError:  # by the server, whose time to finish requests is over
            if not seen.status:
                await _STOPPING.response()(scope, receive, seen.send)
        except Exception as error:  # whatever it is, the caller gets an answer, and no text of it is logged
            log("failed", logging.ERROR, request_id=seen.request_id, error=names_of(error), places=places_in(error))
            if not seen.status:
                await _unexpected(seen.request_id).response()(scope, receive, seen.send)
        finally:
            self._note(scope, seen)

    def _note(self, scope: Scope, seen: "_Seen") -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")
        seconds = time.perf_counter() - seen.started_s
        status = seen.status or _GONE
        self._metrics.answered(method, route, status, seconds)
        state = scope["state"]
        facts = {"error": state["error"]} if "error" in state else {}
        caller: Caller | None = state.get("caller")
        log(
            "request",
            method=method,
            route=route,
            status=status,
            seconds=round(seconds, 4),
            tenant=caller.tenant.name if caller else None,
            request_id=seen.request_id,
            **facts,
        )


class Gate:
    """Passes on requests that have a valid key and are within their limits, with their bodies read.

    Args:
        app: The next ASGI app; it finds the caller in ``scope["state"]``.
        keys: Look up the caller.
        settings: Limits of all requests.
    """

    def __init__(self, app: ASGIApp, keys: Keys, settings: ServiceSettings) -> None:
        self._app = app
        self._keys = keys
        self._settings = settings
        self._in_flight = BytesInFlight(max(settings.max_bytes_in_flight, settings.max_bytes))
        self._of_key = Rates(settings.requests_per_s, settings.burst)
        self._of_tenant = Rates(settings.tenant_requests_per_s, 2 * settings.burst)
        self._of_address = Rates(settings.address_requests_per_s, settings.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        problem = await self._problem(scope, headers)
        if problem is not None:
            await problem.response()(scope, receive, send)
        elif scope["method"] in _WITH_BODY:
            await self._pass_on_with_body(scope, receive, send, headers)
        else:
            await self._app(scope, receive, send)

    async def _pass_on_with_body(self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes]) -> None:
        limit = limit_of(scope["path"], self._settings.max_bytes, self._settings.max_records)
        with self._in_flight.body() as hold:
            try:
                body = await read(receive, limit, headers.get(b"content-length", b"0"), hold)
            except HTTPException as error:
                await refused(error).response()(scope, receive, send)
            except TooManyBytesInFlight:
                await _TOO_MANY_BYTES.response()(scope, receive, send)
            else:
                if body is not None:
                    await self._app(scope, replay(body, receive), send)

    async def _problem(self, scope: Scope, headers: dict[bytes, bytes]) -> Problem | None:
        """Why a request is refused; None if it is not."""
        address = (scope.get("client") or ("",))[0]
        if _is_open(scope["path"].removeprefix(scope.get("root_path", ""))):
            return _too_many(self._of_address.take(address), "from this address")
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        if not self._keys.knows(authorization) and (wait_s := self._of_address.take(address, 0)):
            return _too_many(wait_s, "without a valid key from this address")
        try:
            caller = await self._keys.caller(authorization)
        except UnlikeError as error:
            scope["state"]["error"] = names_of(error)
            return service_of(Request(scope)).failed(error)
        if caller is None:
            self._of_address.take(address)
            message = "no valid API key (it is unknown, revoked or expired); send one as Authorization: Bearer unlike_…"
            return Problem(401, ErrorText("unauthorised", message), {"www-authenticate": "Bearer"})
        scope["state"]["caller"] = caller
        return (
            _too_many(self._of_key.take((caller.tenant.id, caller.name)), "with this key")
            or _too_many(self._of_tenant.take(caller.tenant.id), "with the keys of this tenant")
            or _out_of_scope(caller, scope)
        )


def _too_many(wait_s: int, of: str) -> Problem | None:
    if not wait_s:
        return None
    message = f"too many requests {of}; try again in {wait_s} s"
    return Problem(429, ErrorText("rate_limited", message), {"retry-after": str(wait_s)})


def _out_of_scope(caller: Caller, scope: Scope) -> Problem | None:
    needed = scope_of(scope["method"], scope["path"])
    if needed in caller.scopes:
        return None
    message = f"this key may only {', '.join(sorted(caller.scopes))}; this request needs a key that may {needed}"
    return Problem(403, ErrorText("out_of_scope", message))


def _is_open(path: str) -> bool:
    return path in OPEN or path == PAGES or path.startswith(f"{PAGES}/")


@dataclass(slots=True)
class _Seen:
    """Status and time of a request."""

    to: Send
    request_id: str
    status: int = 0
    started_s: float = field(default_factory=time.perf_counter)

    async def send(self, message: Message) -> None:
        """Send on, and note the status."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
            there = {name for name, _ in headers}
            message["headers"] = headers + [one for one in _SAFE if one[0] not in there]
        await self.to(message)


def _unexpected(request_id: str) -> Problem:
    return refused(HTTPException(500, f"this failed unexpectedly; the log says where, under request {request_id}"))
