"""Adding records: many at once, as one JSON object or as JSON lines."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from unlike.memory.answers import Added, ChangedRecord, StoredItem
from unlike.serve.answers import JSON, json_response
from unlike.serve.bodies import CorrectionBody, FeedbackBody, Id, ItemBody
from unlike.serve.errors import documented
from unlike.serve.reading import records_in, records_in_lines
from unlike.serve.routes.context import Here

router = APIRouter(tags=["records"])
LINES = "application/x-ndjson"
RecordId = Annotated[Id, Path(description="Of the record", examples=["r-1"])]
ItemId = Annotated[Id, Path(description="Of the item", examples=["album-7"])]
SCHEMA = "#/components/schemas/"
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {"schema": {"$ref": f"{SCHEMA}RecordsBody"}},
        LINES: {"schema": {"type": "string", "description": "One RecordBody per line; new users agree to `own` only."}},
    },
}


@router.post("/v1/records", response_model=Added, responses=documented(413, 422), openapi_extra={"requestBody": _BODY})
async def add_records(request: Request, here: Here) -> Response:
    """Store records, each once: a record id sent again changes nothing.

    Identifiers such as mail addresses are removed. Profiles are built afterwards, see `GET /v1/jobs`.
    """
    body, most = await request.body(), here.service.settings.max_records
    as_lines = request.headers.get("content-type", "").startswith(LINES)
    read = partial(records_in_lines if as_lines else records_in, most=most)
    return json_response(await here.memory.add_body(body, read))


@router.post("/v1/feedback", response_model=Added, responses=documented(413, 422))
async def feedback(body: FeedbackBody, here: Here) -> Response:
    """Store the text that a person really sent, so that the next one is closer to it."""
    return json_response(await here.memory.feedback(body.user_id, body.item_id, body.text, body.title, body.rating))


@router.put("/v1/records/{record_id:path}", response_model=ChangedRecord, responses=documented(404, 413, 422))
async def correct_record(record_id: RecordId, body: CorrectionBody, here: Here) -> Response:
    """Replace a record's text, and its title, rating and time where they are sent; what was made of the old ones is deleted.

    That includes the profiles of others that were compared with it, also where the text stays. They are built again, which
    costs LLM calls: `n_profiles` counts them and the user's own. A deleted record is stored again.
    """
    return json_response(await here.memory.correct(body.row(record_id), here.key, body.keeps))


@router.delete("/v1/records/{record_id:path}", response_model=ChangedRecord, responses=documented(404, 422))
async def delete_record(record_id: RecordId, here: Here) -> Response:
    """Delete a record, and all that was made of it; `POST /v1/records` refuses it from then on.

    That includes the profiles of others that were compared with it. They are built again, which costs LLM calls: `n_profiles`
    counts them and the user's own.
    """
    return json_response(await here.memory.delete_record(record_id, here.key))


@router.put("/v1/items/{item_id:path}", response_model=StoredItem, responses=documented(413, 422))
async def set_item(item_id: ItemId, body: ItemBody, here: Here) -> Response:
    """Set title and description of an item, whatever records say about it.

    The answer has their version, and in `is_new` whether the item was unknown and is created.
    """
    return json_response(await here.memory.set_item(body.item(item_id)))
