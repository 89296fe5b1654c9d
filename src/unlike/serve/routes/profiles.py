"""Profiles: statements with their evidence, and changes by hand."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.memory.answers import Profile
from unlike.serve.answers import NewVersion, Queued, json_response
from unlike.serve.bodies import MAX_NUMBER, ProfileBody, RollbackBody
from unlike.serve.errors import documented
from unlike.serve.routes.context import Here, UserId

router = APIRouter(tags=["profiles"])
Version = Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="An earlier one; else the current one")]


@router.get("/v1/users/{user_id:path}/profile", response_model=Profile, responses=documented(404, 422))
async def get_profile(user_id: UserId, here: Here, version: Version = None) -> Response:
    """A profile: each statement with the records that support it and the number of peers in the comparison."""
    profile = await here.memory.profile(user_id, version)
    await here.memory.note_read("read", user_id, here.key)
    return json_response(profile)


@router.put("/v1/users/{user_id:path}/profile", response_model=NewVersion, responses=documented(404, 409, 413, 422))
async def edit_profile(user_id: UserId, body: ProfileBody, here: Here) -> Response:
    """Replace a profile by hand; pinned statements stay when it is rebuilt."""
    statements = [statement.evidence() for statement in body.statements]
    return json_response(NewVersion(await here.memory.edit(user_id, statements, body.read_ms, here.key)))


@router.post(
    "/v1/users/{user_id:path}/profile/build", status_code=202, response_model=Queued, responses=documented(404, 422)
)
async def build_profile(user_id: UserId, here: Here) -> Response:
    """Queue a profile to be built now; see `GET /v1/jobs`."""
    return json_response(Queued(await here.memory.build([user_id])), 202)


@router.post("/v1/users/{user_id:path}/profile/rollback", response_model=Profile, responses=documented(404, 413, 422))
async def go_back(user_id: UserId, body: RollbackBody, here: Here) -> Response:
    """Make an earlier version of a profile current again, with what was pinned in it."""
    await here.memory.go_back(user_id, body.version, here.key)
    return json_response(await here.memory.profile(user_id))
