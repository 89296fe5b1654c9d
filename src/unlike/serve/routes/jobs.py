"""Background jobs: waiting, running and failed ones."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.memory.answers import JobRow, Page
from unlike.serve.answers import json_response
from unlike.serve.bodies import Id
from unlike.serve.errors import documented
from unlike.serve.routes.context import Here, Limit, Offset

router = APIRouter(tags=["jobs"])
State = Annotated[Literal["", "waiting", "running", "failed"], Query(description="Only jobs in this state")]
ForUser = Annotated[Id | None, Query(description="Only jobs that this user's profile needs", examples=["ada"])]


@router.get("/v1/jobs", response_model=Page[JobRow], responses=documented(404, 422))
async def list_jobs(
    here: Here, state: State = "", user_id: ForUser = None, offset: Offset = 0, limit: Limit = 50
) -> Response:
    """A page of jobs, the next due first; finished jobs are not stored.

    A `build` makes a user's profile; a `cluster` chooses the representatives of the texts on an item.
    """
    return json_response(await here.memory.jobs(state, offset, limit, user_id=user_id or ""))
