"""OpenAI's chat API, so that a product's client works by changing its address; ``user`` makes an answer personal."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from starlette.responses import Response

from unlike.serve.answers import Events, event_stream, json_response
from unlike.serve.chat import ChatCompletion, answer, chunks, prepared_chat
from unlike.serve.chat_bodies import ChatBody
from unlike.serve.direct_route import DirectRoute
from unlike.serve.errors import documented
from unlike.serve.routes.context import Here, Visit
from unlike.store.records import Unknown

router = APIRouter(tags=["OpenAI"], route_class=DirectRoute)
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
    """The names of the LLM behind the service."""

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
        return Events(chunks(chat, body, here.service, here.memory), here.service, error_name=None)
    return json_response(await here.while_connected(answer(chat, body, here.service, here.memory)))


@router.get("/v1/models", response_model=Models, responses=documented(422))
async def list_models(here: Here) -> Response:
    """The LLM behind the service, by the service's name and by its own."""
    return json_response(Models(_models(here)))


@router.get("/v1/models/{model:path}", response_model=Model, responses=documented(404, 422))
async def get_model(model: Annotated[str, Path(examples=["unlike"])], here: Here) -> Response:
    """One of the names that `GET /v1/models` lists."""
    found = next((one for one in _models(here) if one.id == model), None)
    if found is None:
        raise Unknown("no such model; GET /v1/models lists them")
    return json_response(found)


def _models(here: Visit) -> tuple[Model, ...]:
    return Model("unlike"), Model(here.memory.backend.model)
