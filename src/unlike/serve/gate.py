"""The two layers every request goes through: ``Watch`` sees how it ends, ``Gate`` lets in who may come.

Both are plain ASGI, since they are passed by each request of a service that promises milliseconds.
"""

import logging
import secrets
import time
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unlike.errors import UnlikeError
from unlike.serve.auth import Caller, Keys
from unlike.serve.errors import ErrorText, Problem, names_of, problem_of, refused
from unlike.serve.limits import Rates, limited, too_large
from unlike.serve.logs import log, places_in
from unlike.serve.metrics import Metrics

OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""Paths that need no key; all others do, also those that do not exist."""
PAGES = "/inspect"
"""Below it are the inspector's pages, which hold nothing of anybody; what they show needs a key."""
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
_GONE = 499
"""Counted where the client left before an answer began."""


class Watch:
    """Counts and logs each request, and answers what nobody else did.

    Args:
        app: What is inside.
        metrics: Counts.
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
        except Exception as error:  # the last door: whatever it is, the caller gets an answer and the log no text
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
    """Lets in requests with a valid key that are within their limits.

    Args:
        app: What is inside; it finds the caller in ``scope["state"]``.
        keys: Know whose request it is.
        rates: Requests a second.
        most_bytes: Of a body.
    """

    def __init__(self, app: ASGIApp, keys: Keys, rates: Rates, most_bytes: int) -> None:
        self._app = app
        self._keys = keys
        self._rates = rates
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        problem = await self._key_problem(scope, headers) or self._size_problem(headers)
        if problem is None:
            await self._app(scope, limited(receive, self._most_bytes), send)
        else:
            await problem.response()(scope, receive, send)

    async def _key_problem(self, scope: Scope, headers: dict[bytes, bytes]) -> Problem | None:
        if _is_open(scope["path"].removeprefix(scope.get("root_path", ""))):
            return None
        try:
            caller = await self._keys.caller(headers.get(b"authorization", b"").decode("latin-1"))
        except UnlikeError as error:
            scope["state"]["error"] = names_of(error)
            return problem_of(error)
        if caller is None:
            message = "no valid API key; send one as Authorization: Bearer unlike_…"
            return Problem(401, ErrorText("unauthorised", message), {"www-authenticate": "Bearer"})
        scope["state"]["caller"] = caller
        wait_s = self._rates.take(caller.key)
        if wait_s:
            message = f"too many requests with this key; try again in {wait_s} s"
            return Problem(429, ErrorText("rate_limited", message), {"retry-after": str(wait_s)})
        return None

    def _size_problem(self, headers: dict[bytes, bytes]) -> Problem | None:
        said = headers.get(b"content-length", b"0")
        too_many = said.isdigit() and int(said) > self._most_bytes
        return refused(too_large(self._most_bytes)) if too_many else None


def _is_open(path: str) -> bool:
    return path in OPEN or path == PAGES or path.startswith(f"{PAGES}/")


@dataclass(slots=True)
class _Seen:
    """What a request came to."""

    to: Send
    request_id: str
    status: int = 0
    started_s: float = field(default_factory=time.perf_counter)

    async def send(self, message: Message) -> None:
        """Send on, and note the status."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
        await self.to(message)


def _unexpected(request_id: str) -> Problem:
    return refused(HTTPException(500, f"this failed unexpectedly; the log says where, under request {request_id}"))
