"""OpenAI's chat API, so that a product's client works by changing its address; ``user`` makes an answer personal."""

from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter
from starlette.responses import Response

from unlike.serve.answers import Events, said
from unlike.serve.chat import answer, chunks, prepared_chat
from unlike.serve.chat_bodies import ChatBody
from unlike.serve.errors import documented
from unlike.serve.routes.visit import Here

router = APIRouter(tags=["OpenAI"])
_STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "An event: a chunk as OpenAI writes it, an error's body, or `[DONE]`.",
            "required": ["data"],
            "properties": {"data": {"type": "string"}},
        }
    }
}


@dataclass(frozen=True, slots=True)
class AnswerMessage:
    """What the LLM said."""

    role: Literal["assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer."""

    index: int
    message: AnswerMessage
    finish_reason: str
    logprobs: None = None


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """Tokens of a call."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """How much of the user an answer was written from, and why; see ``POST /v1/generate``."""

    rung: str
    why: str
    profile_version: int | None


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A chat completion, with OpenAI's fields and one of ours."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: TokensUsed
    unlike: MadeFrom


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
    responses=documented(400, 403, 409, 413, 422, 502) | {200: {"content": _STREAM}},
)
async def chat_completions(body: ChatBody, here: Here) -> Response:
    """Go on with a chat, as OpenAI's API does."""
    chat = await prepared_chat(body, here.memory)
    if body.stream:
        return Events(chunks(chat, body.tells_usage, here.service, here.memory))
    said_so = await answer(chat, here.memory)
    here.service.answered(said_so["usage"]["prompt_tokens"], said_so["usage"]["completion_tokens"])
    return said(said_so)


@router.get("/v1/models", response_model=Models, responses=documented())
async def list_models(here: Here) -> Response:
    """The LLM behind the service."""
    return said(Models((Model(here.memory.backend.model),)))
