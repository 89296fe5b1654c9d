"""Users: lists, their records, consent, export and erasure."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.memory.answers import ChangedConsent, Page, RecordRow
from unlike.memory.population import Uniqueness
from unlike.serve.answers import json_response
from unlike.serve.bodies import ConsentChange, RefusalBody
from unlike.serve.errors import documented
from unlike.serve.routes.context import Here, Limit, Offset, UserId
from unlike.store.journal import KeptPrompt
from unlike.store.users import Consent, UserRow

router = APIRouter(tags=["users"])
Sort = Literal["user_id", "records", "recent", "uniqueness"]
Search = Annotated[str, Query(max_length=256, pattern=r"^[^\x00]*$", description="Part of the id")]


@router.get("/v1/users", response_model=Page[UserRow], responses=documented(422))
async def list_users(
    here: Here, search: Search = "", sort: Sort = "user_id", offset: Offset = 0, limit: Limit = 50
) -> Response:
    """A page of users. Sorted by uniqueness, the most unlike come first; in other orders it is included if known."""
    return json_response(await here.memory.users(search, sort, offset, limit))


@router.get("/v1/users/{user_id:path}/records", response_model=Page[RecordRow], responses=documented(404, 422))
async def list_records(user_id: UserId, here: Here, offset: Offset = 0, limit: Limit = 50) -> Response:
    """A page of a user's records, as stored."""
    page = await here.memory.records(user_id, offset, limit)
    await here.memory.note_read("read", user_id, here.key)
    return json_response(page)


@router.get("/v1/users/{user_id:path}/uniqueness", response_model=Uniqueness, responses=documented(404, 422))
async def get_uniqueness(user_id: UserId, here: Here) -> Response:
    """How unlike the others a user is: the distance of the mean vector from the population's, and all distances."""
    return json_response(await here.memory.uniqueness(user_id))


@router.get("/v1/users/{user_id:path}/consent", response_model=Consent, responses=documented(404, 422))
async def get_consent(user_id: UserId, here: Here) -> Response:
    """A user's consent."""
    return json_response(await here.memory.consent(user_id))


@router.put("/v1/users/{user_id:path}/consent", response_model=ChangedConsent, responses=documented(404, 413, 422))
async def set_consent(user_id: UserId, body: ConsentChange, here: Here) -> Response:
    """Change a user's consent; data that it no longer covers is deleted at once.

    Without `peer` that includes the profiles of others that were compared with the user; they are built again, which costs
    LLM calls: `n_profiles` counts them and the user's own.
    """
    return json_response(await here.memory.set_consent(user_id, body.own, body.peer, body.wording, here.key))


@router.get("/v1/users/{user_id:path}/export", response_model=dict[str, Any], responses=documented(404, 422))
async def export_user(user_id: UserId, here: Here) -> Response:
    """All data about a user, for that user."""
    held = await here.memory.export(user_id)
    await here.memory.note_read("export", user_id, here.key)
    return json_response(held)


@router.get("/v1/users/{user_id:path}/prompts", response_model=Page[KeptPrompt], responses=documented(404, 422))
async def list_prompts(user_id: UserId, here: Here, offset: Offset = 0, limit: Limit = 50) -> Response:
    """The prompts that were kept of calls for a user (`keep_prompts` in the settings), the latest first.

    Those that compare with others hold texts of others, without their ids.
    """
    page = await here.memory.prompts(user_id, offset, limit)
    await here.memory.note_read("read", user_id, here.key)
    return json_response(page)


@router.delete("/v1/users/{user_id:path}", response_model=dict[str, Any], responses=documented(404, 422))
async def erase_user(user_id: UserId, here: Here) -> Response:
    """Erase a user: records, profiles, jobs, keys, and what others' profiles have of them.

    The answer is a signed receipt, which `unlike erase --verify` checks; it holds no text. A repeated request returns it
    again.
    Later records for this id are refused; see `PUT .../refusal`.
    """
    return json_response(await here.memory.erase(user_id, here.key))


@router.get("/v1/users/{user_id:path}/erasure", response_model=dict[str, Any], responses=documented(404, 422))
async def get_receipt(user_id: UserId, here: Here) -> Response:
    """The receipt of a user's erasure; `files_scrubbed` becomes true when the files are clean."""
    return json_response(await here.memory.receipt(user_id))


@router.put("/v1/users/{user_id:path}/refusal", response_model=RefusalBody, responses=documented(413, 422))
async def set_refusal(user_id: UserId, body: RefusalBody, here: Here) -> Response:
    """Refuse future records of a user who has none, or accept them again after an erasure."""
    return json_response(RefusalBody(refused=await here.memory.refuse(user_id, body.refused, here.key)))
