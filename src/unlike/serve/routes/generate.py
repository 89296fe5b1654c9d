"""A text for a user: whole, or piece by piece."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from unlike.errors import UnlikeError
from unlike.memory.answers import Request, Written
from unlike.serve.answers import Events, event, said
from unlike.serve.bodies import GenerateBody
from unlike.serve.errors import ErrorBody, documented
from unlike.serve.routes.visit import Here, Visit

router = APIRouter(tags=["texts"])
STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "An event: pieces of text, then the answer as JSON would give it, or an error's body.",
            "required": ["event", "data"],
            "properties": {
                "event": {"enum": ["piece", "done", "error"]},
                "data": {"type": "string", "description": 'JSON: `{"text"}`, `Written` or `ErrorBody`'},
            },
        }
    }
}


@router.post(
    "/v1/generate",
    response_model=Written,
    responses=documented(403, 404, 409, 413, 422, 502) | {200: {"content": STREAM}},
)
async def generate(body: GenerateBody, here: Here) -> Response:
    """Write what the user would write, by one call of the LLM; the answer says what it was written from."""
    request = body.request()
    if body.stream:
        return Events(_told(request, here))
    written = await here.memory.generate(request)
    here.service.answered(written.prompt_tokens, written.completion_tokens)
    return said(written)


async def _told(request: Request, here: Visit) -> AsyncGenerator[bytes]:
    """The events of a text; what goes wrong before the first of them is raised."""
    begun = False
    try:
        async with aclosing(here.memory.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Written):
                    here.service.answered(piece.prompt_tokens, piece.completion_tokens)
                    yield event(piece, "done")
                else:
                    yield event({"text": piece}, "piece")
                begun = True
    except UnlikeError as error:
        if not begun:
            raise
        yield event(ErrorBody(here.service.failed(error).text), "error")
