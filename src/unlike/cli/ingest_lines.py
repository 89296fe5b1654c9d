"""Records from a JSON-lines file, some at a time; a line that is none of them is told apart with the reason.

The form of a line is that of ``POST /v1/records``.
"""

import gzip
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from unlike.errors import InputError

if TYPE_CHECKING:
    from unlike.serve.bodies import RecordBody
    from unlike.store.records import NewRecord

LINES_AT_ONCE = 2_000
NEEDED = ("record_id", "user_id", "item_id", "text")


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a file.

    Attributes:
        rows: The usable ones.
        wrong: (number, what is wrong) of the others.
        n_bytes: Of the file read so far.
    """

    rows: "tuple[NewRecord, ...]"
    wrong: tuple[tuple[int, str], ...]
    n_bytes: int


def read_lines(file: Path) -> Iterator[Lines]:
    """All lines of a file that are not blank, from the first on.

    Args:
        file: JSON lines; gzipped where its name ends with .gz.

    Raises:
        InputError: It cannot be read, or none of its first lines is usable.
    """
    usable = False
    with _reading(file) as (lines, raw):
        for batch in _batches(lines):
            checked = [(number, _checked(line)) for number, line in batch]
            rows = tuple(row for _, row in checked if not isinstance(row, str))
            wrong = tuple((number, row) for number, row in checked if isinstance(row, str))
            if wrong and not (rows or usable):
                raise InputError(
                    f"{file} has no usable line: line {wrong[0][0]}: {wrong[0][1]}; each line is a JSON object with "
                    f"{', '.join(NEEDED)} and, where known, title, rating, timestamp (ms), item"
                )
            usable = True
            yield Lines(rows, wrong, raw.tell())
    if not usable:
        raise InputError(f"{file} is empty; each line is a JSON object with {', '.join(NEEDED)}")


@contextmanager
def _reading(file: Path) -> Generator[tuple[BufferedReader, BufferedReader]]:
    """The lines, and the file as it lies on the disk, whose place tells how far they are read."""
    try:
        with file.open("rb") as raw:
            if file.suffix.lower() == ".gz":
                yield cast(BufferedReader, gzip.GzipFile(fileobj=raw)), raw
            else:
                yield raw, raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{file} is a broken gzip file: {error}; compress it again") from error
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}; give a file of JSON lines") from error


def _batches(lines: BufferedReader) -> Iterator[list[tuple[int, bytes]]]:
    batch = list[tuple[int, bytes]]()
    for number, line in enumerate(lines, 1):
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if line.strip():
            batch.append((number, line))
        if len(batch) == LINES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _checked(line: bytes) -> "NewRecord | str":
    """A line's record, or what is wrong with it."""
    from unlike.memory.ingest import mistakes

    try:
        row = _form().validate_json(line).row()
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        return "; ".join(map(_problem, problems))
    record = row.record
    values = dict(zip(NEEDED, (record.id, record.user_id, record.item_id, record.text), strict=True))
    if blank := [name for name, value in values.items() if not value.strip()]:
        return f"{', '.join(blank)}: blank"
    return "; ".join(mistakes(row)) or row


def _problem(one: ErrorDetails) -> str:
    place = ".".join(map(str, one["loc"]))
    if one["type"] == "extra_forbidden":
        return f"{place} is no field of a record"
    return f"{place}: {one['msg']}".removeprefix(": ")


@cache
def _form() -> "TypeAdapter[RecordBody]":
    from unlike.serve.bodies import RecordBody

    return TypeAdapter(RecordBody)
