"""A text for a user: whole, or piece by piece."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter
from starlette.responses import Response

from unlike.memory.answers import Request, Written
from unlike.serve.answers import Events, event, event_stream, json_response
from unlike.serve.bodies import GenerateBody
from unlike.serve.direct_route import DirectRoute
from unlike.serve.errors import documented
from unlike.serve.routes.context import Here, Visit

router = APIRouter(tags=["texts"], route_class=DirectRoute)
_STREAM = event_stream(
    "An event: pieces of text, then the same answer as without `stream`, or an error's body.",
    'JSON: `{"text"}`, `Written` or `ErrorBody`',
    ("piece", "done", "error"),
)


@router.post(
    "/v1/generate",
    response_model=Written,
    responses=documented(403, 404, 409, 413, 422, 502) | _STREAM,
)
async def generate(body: GenerateBody, here: Here) -> Response:
    """Write what the user would write, with one LLM call; the answer states what it was written from."""
    request = body.request()
    if body.stream:
        return Events(_events(request, here), here.service)
    written = await here.while_connected(here.memory.generate(request))
    here.service.answered()
    return json_response(written)


async def _events(request: Request, here: Visit) -> AsyncGenerator[bytes]:
    """The pieces of a text, then the whole."""
    async with aclosing(here.memory.stream(request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Written):
                here.service.answered()
                yield event(piece, "done")
            else:
                yield event({"text": piece}, "piece")
