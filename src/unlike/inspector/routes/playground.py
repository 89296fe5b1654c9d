"""The playground: one request, tried by one method after the other, with the prompts that are sent."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from unlike.errors import UnlikeError
from unlike.inspector.routes.maps import On, Whose
from unlike.inspector.store.inspection import Inspection
from unlike.inspector.store.playground import Played, Prompt, Table
from unlike.memory.answers import Request
from unlike.serve.answers import Events, event, said
from unlike.serve.bodies import PlayBody
from unlike.serve.errors import ErrorBody, documented
from unlike.serve.routes.visit import Here, Visit

router = APIRouter(tags=["playground"])
STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "An event: prompts and pieces of text as they come, then what it came to, or an error's body.",
            "required": ["event", "data"],
            "properties": {
                "event": {"enum": ["prompt", "piece", "done", "error"]},
                "data": {
                    "type": "string",
                    "description": 'JSON: `{"step", "messages"}`, `{"text"}`, `Played` or `ErrorBody`',
                },
            },
        }
    }
}


@router.get("/v1/playground", response_model=Table, responses=documented(404, 422))
async def lay_out(user_id: Whose, item_id: On, here: Here) -> Response:
    """Which methods can be tried for a user and an item, and what the user really wrote about it."""
    return said(await Inspection(here.memory).table(Request(user_id, item_id)))


@router.post(
    "/v1/playground",
    response_model=Played,
    responses=documented(403, 404, 409, 413, 422, 502) | {200: {"content": STREAM}},
)
async def play(body: PlayBody, here: Here) -> Response:
    """Try a method. About an item the user wrote on, it is answered as of that moment, without the real text."""
    if body.stream:
        return Events(_events(body, here))
    async with aclosing(Inspection(here.memory).play(body.request(), body.method)) as events:
        async for one in events:
            if isinstance(one, Played):
                here.service.answered(one.prompt_tokens, one.completion_tokens)
                return said(one)
    raise AssertionError("a method that was tried ends with its result")


async def _events(body: PlayBody, here: Visit) -> AsyncGenerator[bytes]:
    """The events; an error before the first of them is raised."""
    begun = False
    try:
        async with aclosing(Inspection(here.memory).play(body.request(), body.method)) as events:
            async for one in events:
                if isinstance(one, Played):
                    here.service.answered(one.prompt_tokens, one.completion_tokens)
                yield _event(one)
                begun = True
    except UnlikeError as error:
        if not begun:
            raise
        yield event(ErrorBody(here.service.failed(error).text), "error")


def _event(one: Prompt | str | Played) -> bytes:
    if isinstance(one, str):
        return event({"text": one}, "piece")
    return event(one, "prompt" if isinstance(one, Prompt) else "done")
