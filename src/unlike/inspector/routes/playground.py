"""The playground: one request, tried by one method after the other, with the prompts that are sent."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter
from starlette.responses import Response

from unlike.inspector.routes.maps import On, Whose
from unlike.inspector.store.inspection import Inspection
from unlike.inspector.store.playground import Played, PlaygroundOptions, Prompt
from unlike.memory.answers import Request
from unlike.serve.answers import Events, event, event_stream, json_response
from unlike.serve.bodies import PlayBody
from unlike.serve.errors import documented
from unlike.serve.routes.context import Here, Visit

router = APIRouter(tags=["playground"])
_STREAM = event_stream(
    "An event: prompts and pieces of text as they come, then the result, or an error's body.",
    'JSON: `{"step", "messages"}`, `{"text"}`, `Played` or `ErrorBody`',
    ("prompt", "piece", "done", "error"),
)


@router.get("/v1/playground", response_model=PlaygroundOptions, responses=documented(404, 422))
async def playground_options(user_id: Whose, item_id: On, here: Here) -> Response:
    """Which methods can be tried for a user and an item, and what the user really wrote about it."""
    options = await Inspection(here.memory).options(Request(user_id, item_id))
    if options.real:
        await here.memory.note_read("read", user_id, here.key)
    return json_response(options)


@router.post(
    "/v1/playground",
    response_model=Played,
    responses=documented(403, 404, 409, 413, 422, 502) | _STREAM,
)
async def play(body: PlayBody, here: Here) -> Response:
    """Try a method. About an item the user wrote on, it is answered as of that moment, without the real text."""
    if body.stream:
        return Events(_events(body, here), here.service)
    played = await here.while_connected(_played(body, here))
    here.service.answered()
    return json_response(played)


async def _played(body: PlayBody, here: Visit) -> Played:
    """The result."""
    async with aclosing(Inspection(here.memory).play(body.request(), body.method)) as events:
        async for one in events:
            if isinstance(one, Played):
                return one
    raise AssertionError("the events end with the result")


async def _events(body: PlayBody, here: Visit) -> AsyncGenerator[bytes]:
    """Prompts and pieces of text, then the result."""
    async with aclosing(Inspection(here.memory).play(body.request(), body.method)) as events:
        async for one in events:
            if isinstance(one, Played):
                here.service.answered()
            yield _event(one)


def _event(one: Prompt | str | Played) -> bytes:
    if isinstance(one, str):
        return event({"text": one}, "piece")
    return event(one, "prompt" if isinstance(one, Prompt) else "done")
