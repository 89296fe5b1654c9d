"""Routes that read a plain JSON body themselves: FastAPI's resolution of dependencies takes a fifth of a short request's time."""

from typing import Any, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.types import Receive, Scope, Send

from unlike.serve.answers import JSON
from unlike.serve.reading import replay
from unlike.serve.routes.context import visit

_PLAIN = (b"content-type", JSON.encode())


class DirectRoute(APIRoute):
    """A route that FastAPI documents; an endpoint ``(body, here)`` is called without it.

    Every other request, also one with a mistake in its body, goes through FastAPI and is answered as on other routes.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - those of APIRoute
        super().__init__(*args, **options)
        hints = get_type_hints(self.endpoint)
        self._body = TypeAdapter(hints["body"]) if {"body", "here"} <= hints.keys() else None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._body is None or scope["method"] not in self.methods or _PLAIN not in scope["headers"]:
            await super().handle(scope, receive, send)
            return
        sent = await Request(scope, receive).body()
        try:
            body = self._body.validate_python(from_json(sent))
        except ValueError:
            await super().handle(scope, replay(sent, receive), send)
            return
        response = await self.endpoint(body, await visit(Request(scope, receive, send)))
        await response(scope, receive, send)
