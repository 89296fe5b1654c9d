"""How answers are sent: as JSON, or as server-sent events while a text is written."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from fastapi.sse import format_sse_event
from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from unlike.errors import UnlikeError
from unlike.serve.errors import ErrorBody
from unlike.serve.service import Service

JSON = "application/json"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class NewVersion:
    """The version that a change made."""

    version: int


@dataclass(frozen=True, slots=True)
class Queued:
    """How many profiles will be rebuilt."""

    n_jobs: int


def json_response(value: object, status: int = 200) -> Response:
    """An answer as JSON.

    Args:
        value: Dataclasses, mappings, lists and plain values. It is not validated again: the type checker knows that it
            is what the route documents.
        status: HTTP status.
    """
    return Response(to_json(value, inf_nan_mode="null"), status, media_type=JSON)


def event(value: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    return format_sse_event(data_str=to_json(value, inf_nan_mode="null").decode(), event=name)


def event_stream(description: str, data: str = "", names: Sequence[str] = ()) -> dict[int | str, dict[str, Any]]:
    """A stream of events as a second form of a route's answer, for the OpenAPI document.

    Args:
        description: What the events are.
        data: What their data holds.
        names: Names of events.
    """
    properties: dict[str, Any] = {"event": {"enum": [*names]}} if names else {}
    properties["data"] = {"type": "string"} | ({"description": data} if data else {})
    schema = {"type": "object", "description": description, "required": [*properties], "properties": properties}
    return {200: {"content": {EVENT_STREAM: {"schema": schema}}}}


class Events(Response):
    """Server-sent events, each sent when it is ready.

    One task produces all events. An error before the first event is answered like any other route's; a later one
    becomes the last event. When the client disconnects, the task is cancelled, and the LLM call with it.

    Args:
        events: What to send; always closed.
        service: Notes errors.
        error_name: Name of the event that reports an error.
    """

    media_type = EVENT_STREAM

    def __init__(self, events: AsyncGenerator[bytes], service: Service, error_name: str | None = "error") -> None:
        self.status_code = 200
        self.background = None
        self._events, self._service, self._error_name = events, service, error_name
        # X-Accel-Buffering: otherwise proxies such as nginx buffer the events.
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(disconnected(receive))
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
            try:
                async for chunk in self._events:
                    if not started:
                        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                        started = True
                    await send(_part(chunk, more=True))
            except UnlikeError as error:
                if not started:
                    raise
                await send(_part(event(ErrorBody(self._service.failed(error).text), self._error_name), more=True))
        await send(_part(b"", more=False))


async def disconnected(receive: Receive) -> None:
    """Wait until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _part(chunk: bytes, more: bool) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}
