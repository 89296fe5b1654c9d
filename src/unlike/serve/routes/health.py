"""What this is, and for operators health, readiness and metrics. No key is needed, and no user is named."""

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from unlike import __version__
from unlike.serve.answers import json_response
from unlike.serve.prometheus import CONTENT_TYPE
from unlike.serve.routes.context import service_of
from unlike.serve.service import LLMState, StoreState

DESCRIPTION = "Personalised text from LLMs, by what makes a user unlike the others."
router = APIRouter(tags=["operation"])


@dataclass(frozen=True, slots=True)
class Health:
    """The process answers."""

    status: Literal["up"] = "up"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be served.

    Attributes:
        store: Whether the database answers, is of this version, and takes what is written; "another_master_key" after a
            rotation, until this service is restarted with the new key.
        llm: How the LLM's last call went; without it all but texts is served.
    """

    store: StoreState
    llm: LLMState


@dataclass(frozen=True, slots=True)
class About:
    """What this is, and where it is described."""

    name: Literal["unlike"] = "unlike"
    version: str = __version__
    description: str = DESCRIPTION
    api: str = "/openapi.json"
    inspector: str = "/inspect/"
    help: str = "docs/service.md of the project; send a key as Authorization: Bearer unlike_…"


@router.get("/", response_model=About)
async def about() -> Response:
    """What this is, and where it is described."""
    return json_response(About())


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """Whether the process is up."""
    return json_response(Health())


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Not ready"}})
async def readyz(request: Request) -> Response:
    """Whether the database can be used; 503 where not."""
    service = service_of(request)
    store = await service.store_state()
    return json_response(Readiness(store, service.llm), 200 if store == "up" else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE: {}}}})
async def metrics(request: Request) -> Response:
    """Counts for Prometheus."""
    service = service_of(request)
    return Response(service.metrics.text(await service.n_jobs()), media_type=CONTENT_TYPE)
