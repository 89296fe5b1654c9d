"""OpenAI's chat API, so that a product's client works by changing its address; ``user`` makes an answer personal."""

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from unlike.serve.answers import Events, event_stream, json_response
from unlike.serve.chat import ChatCompletion, answer, chunks, prepared_chat
from unlike.serve.chat_bodies import ChatBody
from unlike.serve.errors import documented
from unlike.serve.routes.visit import Here

router = APIRouter(tags=["OpenAI"])
_STREAM = event_stream("An event: a chunk as OpenAI writes it, an error's body, or `[DONE]`.")


@dataclass(frozen=True, slots=True)
class Model:
    """The LLM behind the service."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "unlike"


@dataclass(frozen=True, slots=True)
class Models:
    """All LLMs behind the service: one."""

    data: tuple[Model, ...]
    object: Literal["list"] = "list"


@router.post(
    "/v1/chat/completions",
    response_model=ChatCompletion,
    responses=documented(400, 403, 409, 413, 422, 502) | _STREAM,
)
async def chat_completions(body: ChatBody, here: Here) -> Response:
    """Continue a chat, as OpenAI's API does."""
    chat = await prepared_chat(body, here.memory)
    if body.stream:
        return Events(chunks(chat, body.wants_usage, here.service, here.memory), here.service, error_name=None)
    return json_response(await answer(chat, here.service, here.memory))


@router.get("/v1/models", response_model=Models, responses=documented())
async def list_models(here: Here) -> Response:
    """The LLM behind the service."""
    return json_response(Models((Model(here.memory.backend.model),)))
