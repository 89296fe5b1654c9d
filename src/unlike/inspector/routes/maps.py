"""The difference map of a user and an item, and what sets the user apart there."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.inspector.store.inspection import Inspection
from unlike.inspector.store.map_differences import FoundDifference
from unlike.inspector.store.maps import DifferenceMap
from unlike.serve.answers import json_response
from unlike.serve.bodies import CompareBody, Id, Selector
from unlike.serve.errors import documented
from unlike.serve.routes.context import Here

router = APIRouter(tags=["maps"])
Whose = Annotated[Id, Query(description="Of the user")]
On = Annotated[Id, Query(description="Of the item")]
K = Annotated[int, Query(ge=1, le=20, description="How many others are chosen to be compared with")]
Choice = Annotated[Selector, Query(description="How they are chosen")]


@dataclass(frozen=True, slots=True)
class KeptDifferences:
    """What is kept of how a user differs on an item."""

    rows: tuple[FoundDifference, ...]


@router.get("/v1/map", response_model=DifferenceMap, responses=documented(404, 422))
async def get_map(user_id: Whose, item_id: On, here: Here, k: K = 4, selector: Choice = "kmeans") -> Response:
    """All texts on an item as points in a plane, with their clusters and whom the user is compared with.

    It is made of stored vectors; no LLM is asked. Others are those who agree to be compared, without their ids.
    """
    drawn = await Inspection(here.memory).map(user_id, item_id, k, selector)
    await here.memory.note_read("read", user_id, here.key)
    return json_response(drawn)


@router.get("/v1/map/differences", response_model=KeptDifferences, responses=documented(404, 422))
async def list_differences(user_id: Whose, item_id: On, here: Here) -> Response:
    """What was found of how a user differs on an item, by dimension."""
    kept = KeptDifferences(await Inspection(here.memory).differences(user_id, item_id))
    await here.memory.note_read("read", user_id, here.key)
    return json_response(kept)


@router.post("/v1/map/differences", response_model=FoundDifference, responses=documented(403, 404, 413, 422, 502))
async def compare(body: CompareBody, here: Here) -> Response:
    """Ask the LLM how the user differs from those who are chosen; no profile is made from it."""
    asked = Inspection(here.memory).compare(body.user_id, body.item_id, body.k, body.selector)
    found = await here.while_connected(asked)
    here.service.answered()
    return json_response(found)
