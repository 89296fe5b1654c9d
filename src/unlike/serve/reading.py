"""Request bodies: how large they may be on each route, and how records are read from them.

The cost of a body is limited before it is parsed: first its bytes are counted, then its JSON values. A body is refused
after its first mistakes, since listing a million mistakes would cost more than storing a million records.
"""

import asyncio
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from unlike.errors import InputError
from unlike.privacy.identifiers import n_digits_searched
from unlike.serve.bodies import ConsentBody, RecordBody
from unlike.serve.errors import MAX_MISTAKES
from unlike.store.records import NewRecord
from unlike.store.users import Consent

T = TypeVar("T")

MAX_FIELDS = 64
"""Of one JSON object."""
MAX_DIGITS = 40_000
"""Digits in the texts of one request that are searched for phone numbers, the most expensive part of redaction."""
_VALUES_OF_A_RECORD = 16
_SMALL = 2**16
"""Bytes of a body whose values are counted at once."""
_RECORD: TypeAdapter[RecordBody] = TypeAdapter(RecordBody)
_CONSENT: TypeAdapter[ConsentBody] = TypeAdapter(ConsentBody)
_LINE = re.compile(rb"[^\s][^\n]*")
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{,]', re.DOTALL)
"""A string, or what begins a value."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Limits of a body.

    Attributes:
        n_bytes: Maximum size.
        n_values: Maximum number of JSON values: numbers, strings, lists and so on.
    """

    n_bytes: int
    n_values: int


USUAL = Limit(2**20, 10_000)
"""Of most routes."""
CHAT = Limit(16 * 2**20, 100_000)
"""A chat may be long."""


def limit_of(path: str, max_bytes: int, max_records: int) -> Limit:
    """The limit of bodies sent to a path."""
    if path.startswith("/v1/records"):
        return Limit(max_bytes, max_records * _VALUES_OF_A_RECORD)
    return Limit(min(CHAT.n_bytes, max_bytes), CHAT.n_values) if path.startswith("/v1/chat/") else USUAL


def too_large(max_bytes: int) -> HTTPException:
    """The error for a body over the limit; the connection is closed, so that the rest is not read."""
    message = f"the body is larger than the {max_bytes:,} bytes allowed here; send less, or records in several requests"
    return HTTPException(413, message, {"connection": "close"})


class TooManyBytesInFlight(Exception):
    """The bodies of the requests under way are too large together."""


class BytesInFlight:
    """Limits the size of all request bodies in memory together; small ones do not count, since rate limits bound their number.

    Args:
        n_bytes: Maximum of all others together.
    """

    def __init__(self, n_bytes: int) -> None:
        self._free = n_bytes

    @contextmanager
    def body(self) -> Generator[Callable[[int], None]]:
        """A request with a body: while it is read, the function is to be called with its bytes so far.

        The function raises TooManyBytesInFlight where the limit is exceeded.
        """
        held = 0

        def hold(n_bytes: int) -> None:
            nonlocal held
            more = n_bytes - held if n_bytes > _SMALL else 0
            if more > self._free:
                raise TooManyBytesInFlight
            self._free -= more
            held += more

        try:
            yield hold
        finally:
            self._free += held


async def read(
    receive: Receive, limit: Limit, content_length: bytes = b"0", hold: Callable[[int], None] = lambda n_bytes: None
) -> bytes | None:
    """The body of a request; None when the client disconnected. The declared length is only used to refuse early.

    Raises:
        HTTPException: 413 for one over the limit.
        TooManyBytesInFlight: Raised by ``hold``.
    """
    if content_length.isdigit() and int(content_length) > limit.n_bytes:
        raise too_large(limit.n_bytes)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > limit.n_bytes:
            raise too_large(limit.n_bytes)
        hold(len(body))
        if not message.get("more_body"):
            if len(body) <= _SMALL:
                check_values(body, limit.n_values)
            else:  # other requests go on meanwhile
                await asyncio.to_thread(check_values, body, limit.n_values)
            return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that returns a body read before, then the messages after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return first.pop() if first else await receive()

    return receive_again


def check_values(body: bytes | bytearray, most: int) -> None:
    """Count the values of a JSON text without parsing it, ignoring characters in strings.

    Raises:
        HTTPException: 413 when there are more than allowed.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") <= most:
        return
    n = 0
    for token in _TOKEN.finditer(body):
        n += body[token.start()] != 0x22
        if n > most:
            message = (
                f"the body holds more than the {most:,} values allowed here; send less, or records in several requests"
            )
            raise HTTPException(413, message)


def records_in(body: bytes, most: int) -> tuple[list[NewRecord], Consent]:
    """The records of one JSON object, and the consent of their users.

    Raises:
        RequestValidationError: It is not such an object; its first mistakes are listed.
        InputError: It holds more records than allowed, or none.
    """
    sent = _parsed(body)
    if not isinstance(sent, dict) or not isinstance(sent.get("records"), list):
        raise RequestValidationError(
            [{"loc": ("body",), "msg": "an object with a list of records is needed", "type": "records"}]
        )
    if unknown := sorted(sent.keys() - {"records", "consent"})[:MAX_MISTAKES]:
        raise RequestValidationError(
            [{"loc": ("body", name), "msg": "no such field", "type": "extra_forbidden"} for name in unknown]
        )
    rows: list[Any] = sent["records"]
    _check_number(len(rows), most)
    records = _all_checked(_RECORD, ((row, ("body", "records", number)) for number, row in enumerate(rows)))
    (consent,) = _all_checked(_CONSENT, [(sent.get("consent", {}), ("body", "consent"))])
    return _rows(records), consent.consent()


def records_in_lines(body: bytes, most: int) -> tuple[list[NewRecord], Consent]:
    """The records of JSON lines, one object per line; see ``records_in``."""
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
    return _rows(_all_checked(_RECORD, parsed)), Consent()


def _parsed(body: bytes, *where: str | int) -> Any:  # noqa: ANN401 - JSON
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestValidationError(
            [
                {
                    "loc": where or ("body",),
                    "msg": f"JSON is needed, in whole Unicode characters: {error}",
                    "type": "json_invalid",
                }
            ]
        ) from None


def _all_checked(form: TypeAdapter[T], parts: Iterable[tuple[Any, tuple[str | int, ...]]]) -> list[T]:
    """All parts, validated."""
    checked, mistakes = list[T](), list[dict[str, Any]]()
    for part, where in parts:
        if _has_many_fields(part):
            raise RequestValidationError(
                [{"loc": where, "msg": f"more than {MAX_FIELDS} fields", "type": "too_many_fields"}]
            )
        try:
            checked.append(form.validate_python(part))
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            mistakes += [{**mistake, "loc": (*where, *mistake["loc"])} for mistake in found]
            if len(mistakes) > MAX_MISTAKES:
                break
    if mistakes:
        raise RequestValidationError(mistakes)
    return checked


def _has_many_fields(part: object) -> bool:
    """Whether it has so many fields that listing its mistakes would be expensive."""
    if not isinstance(part, dict):
        return False
    return len(part) > MAX_FIELDS or any(isinstance(one, dict) and len(one) > MAX_FIELDS for one in part.values())


def _rows(records: Sequence[RecordBody]) -> list[NewRecord]:
    rows = [record.row() for record in records]
    n_digits = sum(n_digits_searched(part) for row in rows for part in (row.record.text, row.record.title))
    if n_digits > MAX_DIGITS:
        raise InputError(
            f"the texts hold {n_digits:,} digits in long runs; {MAX_DIGITS:,} are allowed: send them in parts"
        )
    return rows


def _check_number(n: int, most: int) -> None:
    if not 1 <= n <= most:
        more = "or more " if n > most else ""
        raise InputError(f"{n:,} {more}records in one request; allowed are 1 to {most:,}: send them in parts")
