"""Users: who there is, what is held about them, what they agree to, and taking them out."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.memory.answers import Page, RecordRow
from unlike.memory.population import Uniqueness
from unlike.serve.answers import said
from unlike.serve.bodies import ConsentChange
from unlike.serve.errors import documented
from unlike.serve.routes.visit import Here, Limit, Offset, UserId
from unlike.store.users import Consent, UserRow

router = APIRouter(tags=["users"])
Sort = Literal["user_id", "records", "recent", "uniqueness"]
Search = Annotated[str, Query(max_length=256, pattern=r"^[^\x00]*$", description="Part of the id")]


@router.get("/v1/users", response_model=Page[UserRow], responses=documented(422))
async def list_users(
    here: Here, search: Search = "", sort: Sort = "user_id", offset: Offset = 0, limit: Limit = 50
) -> Response:
    """A page of users. By uniqueness the most unlike come first; in other orders it is given as far as it is known."""
    return said(await here.memory.users(search, sort, offset, limit))


@router.get("/v1/users/{user_id:path}/records", response_model=Page[RecordRow], responses=documented(404, 422))
async def list_records(user_id: UserId, here: Here, offset: Offset = 0, limit: Limit = 50) -> Response:
    """A page of a user's records, as they are kept."""
    return said(await here.memory.records(user_id, offset, limit))


@router.get("/v1/users/{user_id:path}/uniqueness", response_model=Uniqueness, responses=documented(404, 422))
async def get_uniqueness(user_id: UserId, here: Here) -> Response:
    """How unlike the others a user is: the distance of the mean vector from the population's, and those of all others."""
    return said(await here.memory.uniqueness(user_id))


@router.get("/v1/users/{user_id:path}/consent", response_model=Consent, responses=documented(404, 422))
async def get_consent(user_id: UserId, here: Here) -> Response:
    """What a user agrees to."""
    return said(await here.memory.consent(user_id))


@router.put("/v1/users/{user_id:path}/consent", response_model=Consent, responses=documented(404, 413, 422))
async def set_consent(user_id: UserId, body: ConsentChange, here: Here) -> Response:
    """Change what a user agrees to; what was made against it goes at once."""
    return said(await here.memory.set_consent(user_id, body.own, body.peer))


@router.get("/v1/users/{user_id:path}/export", response_model=dict[str, Any], responses=documented(404, 422))
async def export_user(user_id: UserId, here: Here) -> Response:
    """All that is held about a user, for that user."""
    return said(await here.memory.export(user_id))


@router.delete("/v1/users/{user_id:path}", response_model=dict[str, Any], responses=documented(404, 422))
async def erase_user(user_id: UserId, here: Here) -> Response:
    """Take a user out: records, profiles, jobs, keys, and what others' profiles have of them.

    The answer is a signed receipt, which `unlike erase --verify` checks; it holds no text.
    """
    return said(await here.memory.erase(user_id))
