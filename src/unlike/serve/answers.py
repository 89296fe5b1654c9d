"""How answers are sent: JSON made in one go from what the memory gave, or events of a text while it is written."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass

from fastapi.sse import format_sse_event
from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class NewVersion:
    """The version that a change made."""

    version: int


@dataclass(frozen=True, slots=True)
class Asked:
    """How many profiles will be built anew."""

    n_jobs: int


def said(value: object, status: int = 200) -> Response:
    """An answer as JSON.

    Args:
        value: Dataclasses, mappings, lists and plain values; what a route documents is what its memory gives, so
            nothing is checked a second time.
        status: HTTP's number.
    """
    return Response(to_json(value, inf_nan_mode="null"), status, media_type=JSON)


def event(value: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    return format_sse_event(data_str=to_json(value, inf_nan_mode="null").decode(), event=name)


class Events(Response):
    """Server-sent events, one by one as they come.

    The events are made by one task from first to last. Until the first is there, an error is answered as of any other
    route. A client who leaves stops that task, and with it the LLM.

    Args:
        events: What to send; closed in any case.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        self.status_code = 200
        self.background = None
        self._events = events
        # X-Accel-Buffering: proxies of nginx's kind would gather the events otherwise.
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            leaving.cancel()
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _send_all(self, send: Send) -> None:
        started = False
        async with aclosing(self._events):
            async for chunk in self._events:
                if not started:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                    started = True
                await send(_part(chunk, more=True))
        await send(_part(b"", more=False))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _part(chunk: bytes, more: bool) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}
