"""Bodies as bytes: how large one may be on which route, and records read from one.

What a request costs is bounded before anything is made of it: first the bytes are counted, then the values of the JSON,
and only then is it parsed. A body is refused at its first mistakes; to name every one of a million would cost more than to
keep a million records.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from unlike.errors import InputError
from unlike.privacy.identifiers import n_to_tell_apart
from unlike.serve.bodies import ConsentBody, RecordBody
from unlike.store.records import NewRecord
from unlike.store.users import Consent

T = TypeVar("T")

MOST_MISTAKES = 10
"""Named of a body."""
MOST_FIELDS = 64
"""Of one object in it."""
MOST_DIGITS = 40_000
"""Digits in the texts of one request among which phone numbers have to be told from other numbers."""
_VALUES_OF_A_RECORD = 16
_RECORD: TypeAdapter[RecordBody] = TypeAdapter(RecordBody)
_CONSENT: TypeAdapter[ConsentBody] = TypeAdapter(ConsentBody)
_LINE = re.compile(rb"[^\s][^\n]*")
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{,]', re.DOTALL)
"""A string, or what begins a value."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a body may be.

    Attributes:
        n_bytes: Of all of it.
        n_values: Of its JSON: numbers, strings, lists and so on.
    """

    n_bytes: int
    n_values: int


USUAL = Limit(2**20, 10_000)
"""Of a route that takes one thing."""
CHAT = Limit(16 * 2**20, 100_000)
"""Images come in the body."""


def limit_of(path: str, most_bytes: int, most_records: int) -> Limit:
    """What the body of a request to a path may be."""
    if path.startswith("/v1/records"):
        return Limit(most_bytes, most_records * _VALUES_OF_A_RECORD)
    return Limit(min(CHAT.n_bytes, most_bytes), CHAT.n_values) if path.startswith("/v1/chat/") else USUAL


def too_large(most_bytes: int) -> HTTPException:
    """What a body over the limit gets; the connection is closed, so that the rest of it is not read."""
    message = f"the body is larger than the {most_bytes:,} bytes allowed; send it in parts"
    return HTTPException(413, message, {"connection": "close"})


async def read(receive: Receive, limit: Limit, said: bytes = b"0") -> bytes | None:
    """The body of a request, whatever its length was said to be; None where the client left.

    Raises:
        HTTPException: 413 for one over the limit.
    """
    if said.isdigit() and int(said) > limit.n_bytes:
        raise too_large(limit.n_bytes)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > limit.n_bytes:
            raise too_large(limit.n_bytes)
        if not message.get("more_body"):
            check_values(body, limit.n_values)
            return bytes(body)


def given_again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives a body that was read, then what comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return first.pop() if first else await receive()

    return receive_again


def check_values(body: bytes | bytearray, most: int) -> None:
    """Count the values of a JSON text without parsing it; those in strings do not count.

    Raises:
        HTTPException: 413 where there are more than allowed.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") <= most:
        return
    n = 0
    for token in _TOKEN.finditer(body):
        n += body[token.start()] != 0x22
        if n > most:
            raise HTTPException(413, f"the body holds more than the {most:,} values allowed; send it in parts")


def records_in(body: bytes, most: int) -> tuple[list[NewRecord], Consent]:
    """The records of one JSON object, and what their users agreed to.

    Raises:
        RequestValidationError: It is no such object; its first mistakes are named.
        InputError: It holds more records than allowed, or none.
    """
    sent = _parsed(body)
    if not isinstance(sent, dict) or not isinstance(sent.get("records"), list):
        raise _invalid([{"loc": ("body",), "msg": "an object with a list of records is needed", "type": "records"}])
    if unknown := sorted(sent.keys() - {"records", "consent"})[:MOST_MISTAKES]:
        raise _invalid([{"loc": ("body", name), "msg": "no such field", "type": "extra_forbidden"} for name in unknown])
    rows: list[Any] = sent["records"]
    _check_number(len(rows), most)
    records = _all_checked(_RECORD, ((row, ("body", "records", number)) for number, row in enumerate(rows)))
    (consent,) = _all_checked(_CONSENT, [(sent.get("consent", {}), ("body", "consent"))])
    return _kept(records), consent.consent()


def records_in_lines(body: bytes, most: int) -> tuple[list[NewRecord], Consent]:
    """The records of a JSON object a line; see ``records_in``."""
    lines = list[tuple[int, bytes]]()
    number, seen = 1, 0
    for line in _LINE.finditer(body):
        number += body.count(b"\n", seen, line.start())
        seen = line.start()
        lines.append((number, line.group()))
        if len(lines) > most:
            break
    _check_number(len(lines), most)
    parsed = ((_parsed(line, "line", number), ("line", number)) for number, line in lines)
    return _kept(_all_checked(_RECORD, parsed)), Consent()


def _parsed(body: bytes, *where: str | int) -> Any:  # noqa: ANN401 - JSON
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _invalid(
            [{"loc": where or ("body",), "msg": f"JSON is needed: {error}", "type": "json_invalid"}]
        ) from None


def _all_checked(form: TypeAdapter[T], parts: Iterable[tuple[Any, tuple[str | int, ...]]]) -> list[T]:
    """All parts in the library's words, unless there are mistakes in them."""
    checked, mistakes = list[T](), list[dict[str, Any]]()
    for part, where in parts:
        if _has_many_fields(part):
            raise _invalid([{"loc": where, "msg": f"more than {MOST_FIELDS} fields", "type": "too_many_fields"}])
        try:
            checked.append(form.validate_python(part))
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            mistakes += [{**mistake, "loc": (*where, *mistake["loc"])} for mistake in found]
            if len(mistakes) > MOST_MISTAKES:
                break
    if mistakes:
        raise _invalid(mistakes)
    return checked


def _has_many_fields(part: object) -> bool:
    """Whether to name every mistake in it would cost more than it is worth."""
    if not isinstance(part, dict):
        return False
    return len(part) > MOST_FIELDS or any(isinstance(one, dict) and len(one) > MOST_FIELDS for one in part.values())


def _kept(records: Sequence[RecordBody]) -> list[NewRecord]:
    rows = [record.row() for record in records]
    n_digits = sum(n_to_tell_apart(part) for row in rows for part in (row.record.text, row.record.title))
    if n_digits > MOST_DIGITS:
        raise InputError(
            f"the texts hold {n_digits:,} digits in long runs; {MOST_DIGITS:,} are allowed: send them in parts"
        )
    return rows


def _check_number(n: int, most: int) -> None:
    if not 1 <= n <= most:
        more = "or more " if n > most else ""
        raise InputError(f"{n:,} {more}records in one request; allowed are 1 to {most:,}: send them in parts")


def _invalid(mistakes: Sequence[dict[str, Any]]) -> RequestValidationError:
    return RequestValidationError(mistakes)
