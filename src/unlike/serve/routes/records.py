"""Records come in: many at once, as one JSON object or a JSON object a line."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from unlike.errors import InputError
from unlike.memory.answers import Added
from unlike.serve.answers import JSON, said
from unlike.serve.bodies import FeedbackBody, RecordBody, RecordsBody
from unlike.serve.errors import documented
from unlike.serve.routes.visit import Here

T = TypeVar("T")

router = APIRouter(tags=["records"])
LINES = "application/x-ndjson"
SCHEMA = "#/components/schemas/"
_LINES_AT_ONCE = 500
_RECORD: TypeAdapter[RecordBody] = TypeAdapter(RecordBody)
_RECORDS: TypeAdapter[RecordsBody] = TypeAdapter(RecordsBody)
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {"schema": {"$ref": f"{SCHEMA}RecordsBody"}},
        LINES: {"schema": {"type": "string", "description": "A RecordBody a line; new users agree to `own` only."}},
    },
}


@router.post("/v1/records", response_model=Added, responses=documented(413, 422), openapi_extra={"requestBody": _BODY})
async def add_records(request: Request, here: Here) -> Response:
    """Keep records, each once: a record id sent again changes nothing.

    Identifiers such as mail addresses are taken out. Profiles are built afterwards, see `GET /v1/jobs`.
    """
    body = await request.body()
    if request.headers.get("content-type", "").startswith(LINES):
        sent = RecordsBody.model_construct(records=await _lines(body))
    else:
        sent = _checked(_RECORDS, body, "body")
    _check_number(sent.records, here.service.settings.most_records)
    return said(await here.memory.add([record.row() for record in sent.records], sent.consent.consent()))


@router.post("/v1/feedback", response_model=Added, responses=documented(413, 422))
async def feedback(body: FeedbackBody, here: Here) -> Response:
    """Keep the text that a person really sent, so that the next one is closer to it."""
    return said(await here.memory.feedback(body.user_id, body.item_id, body.text, body.title, body.rating))


async def _lines(body: bytes) -> list[RecordBody]:
    """Records of many lines; other requests get their turn in between."""
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    records = list[RecordBody]()
    for first in range(0, len(lines), _LINES_AT_ONCE):
        records += [_checked(_RECORD, line, "line", number) for number, line in lines[first : first + _LINES_AT_ONCE]]
        await asyncio.sleep(0)
    return records


def _checked(form: TypeAdapter[T], json: bytes, *where: str | int) -> T:
    try:
        return form.validate_json(json)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**mistake, "loc": (*where, *mistake["loc"])} for mistake in mistakes]) from None


def _check_number(records: Sequence[RecordBody], most: int) -> None:
    if not 1 <= len(records) <= most:
        raise InputError(f"{len(records):,} records in one request; allowed are 1 to {most:,}: send them in parts")
