"""JSON lines and arrays: whole chunks through polars, and line by line only where a line needs it.

Of a key that stands in an object twice the first value counts, on either way.
"""

import ast
import io
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import polars as pl

from unlike.data.tables.encoding import Encoding
from unlike.data.tables.fields import Field, as_text
from unlike.data.tables.log import ReadLog
from unlike.data.tables.opening import TableFile
from unlike.errors import InputError

CHUNK_BYTES = 32_000_000
MOST_LINE_BYTES = 64_000_000
"""Of a line that goes over the end of a chunk; a gzipped file of a few megabytes may hold one of gigabytes."""

Numbered = Sequence[tuple[int, bytes]]
Bad = list[tuple[int, str]]
_BOM = b"\xef\xbb\xbf"
_OPENS_LIST = re.compile(r'\{\s*(?:"\w+"\s*:\s*"[^"]*"\s*,\s*)*"\w+"\s*:\s*\[\s*\{')
"""An object whose first value that is no text is a list of objects."""
_NOT_IN_TEXTS = re.compile("[\0\ud800-\udfff]")


def batches(
    table: TableFile, fields: Sequence[Field], encoding: Encoding, log: ReadLog
) -> Iterator[tuple[pl.DataFrame, Bad]]:
    """Yield frames of text columns with a column ``line``, and beside each the malformed lines of its chunk."""
    number = 1
    whole = elements(table, encoding)
    lines_of = chunks(table, encoding) if whole is None else [[json.dumps(row).encode() + b"\n" for row in whole]]
    for chunk in lines_of:
        lines = [(number + i, line) for i, line in enumerate(chunk) if line.strip()]
        number += len(chunk)
        if not lines:
            continue
        if encoding.name == "utf-8" and (read := _fast(lines, fields, log)):
            yield read
        else:
            in_order = [(number, in_utf8(line, encoding)) for number, line in lines]
            yield _fast(in_order, fields, log) or _slow(in_order, fields, log)


def chunks(table: TableFile, encoding: Encoding) -> Iterator[list[bytes]]:
    """The lines as they are, some at a time; those of wide encodings in UTF-8."""
    with table.open() as file:
        if encoding.is_wide:
            lines = (line.encode() for line in encoding.lines(file))
            while chunk := list(islice(lines, CHUNK_BYTES // 1000 + 1)):
                yield chunk
            return
        first = True
        while text := file.read(CHUNK_BYTES):
            end = b"" if text.endswith(b"\n") else file.readline(MOST_LINE_BYTES)
            if len(end) == MOST_LINE_BYTES and not end.endswith(b"\n"):
                raise InputError(
                    f"{table.name} has a line of more than {MOST_LINE_BYTES:,} bytes; no record is so long"
                )
            chunk = io.BytesIO(text + end).readlines()
            if first:
                chunk[0] = chunk[0].removeprefix(_BOM)
            first = False
            yield chunk


def in_utf8(line: bytes, encoding: Encoding) -> bytes:
    """A line of ``chunks`` in UTF-8; one that cannot be decoded as it is."""
    if encoding.is_wide:
        return line
    try:
        return encoding.decoded(line).encode()
    except UnicodeDecodeError:
        return line


def elements(table: TableFile, encoding: Encoding) -> list[Any] | None:
    """The elements of a JSON array, or of the only array in an object; None where the file is neither.

    Such a file is read at once.
    """
    head = table.head().decode(encoding.name, errors="replace").lstrip("\ufeff \t\r\n")
    if not head.startswith("[") and not _OPENS_LIST.match(head):
        return None
    text = "".join(
        in_utf8(one, encoding).decode(errors="replace") for lines in chunks(table, encoding) for one in lines
    )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), None)
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else None


def _fast(lines: Numbered, fields: Sequence[Field], log: ReadLog) -> tuple[pl.DataFrame, Bad] | None:
    """The chunk in one go; None where a line is malformed or a value is not certainly of its kind."""
    keys = [key for field in fields for key in field.keys]
    if any(field.kind in ("prose", "list") for field in fields) or any("." in key for key in keys):
        return None
    try:
        frame = pl.read_ndjson(b"".join(line for _, line in lines), schema=dict.fromkeys(keys, pl.String))
    except pl.exceptions.ComputeError:
        return None
    if frame.height != len(lines):
        return None
    frame = frame.select(
        *(pl.coalesce(pl.col(field.keys).replace("", None)).alias(field.name) for field in fields),
        line=pl.Series([number for number, _ in lines], dtype=pl.UInt32),
    )
    return _suspects_read_again(frame, lines, fields, log)


def _suspects_read_again(
    frame: pl.DataFrame, lines: Numbered, fields: Sequence[Field], log: ReadLog
) -> tuple[pl.DataFrame, Bad]:
    """Read the lines again where a list or an object stands for a text, which polars yields as JSON, or half a pair."""
    suspect = pl.any_horizontal(
        pl.col(field.name).str.starts_with("[")
        | pl.col(field.name).str.starts_with("{")
        | pl.col(field.name).str.contains("\0", literal=True)
        for field in fields
    ).fill_null(False)
    places = frame.select(suspect.arg_true()).to_series()
    if places.is_empty():
        return frame, []
    again, bad = _slow([lines[place] for place in places], fields, log)
    return pl.concat([frame.filter(~suspect), again.select(frame.columns)]).sort("line"), bad


def _slow(lines: Numbered, fields: Sequence[Field], log: ReadLog) -> tuple[pl.DataFrame, Bad]:
    rows = [(number, _row(line, fields, log)) for number, line in lines]
    bad = [(number, str(row)) for number, row in rows if isinstance(row, ValueError)]
    good = [(*row, number) for number, row in rows if not isinstance(row, ValueError)]
    schema = {field.name: pl.String for field in fields} | {"line": pl.UInt32}
    return pl.DataFrame(good, schema=schema, orient="row"), bad


def _row(line: bytes, fields: Sequence[Field], log: ReadLog) -> list[str | None] | ValueError:
    """The line's values as texts, or what is wrong with it."""
    try:
        row = _decoded(line)
        if not isinstance(row, dict):
            return ValueError("not a JSON object")
        return [_value(row, field, log) for field in fields]
    except UnicodeError:
        return ValueError("not UTF-8")
    except json.JSONDecodeError as error:
        return ValueError(f"not JSON: {error.msg} at character {error.pos + 1}")
    except RecursionError:
        return ValueError("not JSON: nested too deeply")
    except ValueError as error:
        return error


def _decoded(line: bytes) -> Any:  # noqa: ANN401
    """JSON, or the Python of Amazon's data of 2014."""
    text = line.decode()
    try:
        return json.loads(text, object_pairs_hook=_first_wins)
    except json.JSONDecodeError:
        if not text.lstrip().startswith(("{'", "{u'")):
            raise
        try:
            return ast.literal_eval(text.strip())
        except (SyntaxError, ValueError, MemoryError):
            pass
        raise


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs) if len({key for key, _ in pairs}) == len(pairs) else dict(reversed(pairs))


def _value(row: dict[str, Any], field: Field, log: ReadLog) -> str | None:
    values = {key: _at(row, key) for key in field.keys}
    key = next((key for key, value in values.items() if value not in (None, "")), field.keys[0])
    try:
        text = as_text(values[key], field.kind)
    except ValueError as error:
        if field.required:
            raise ValueError(f"{key} is {error}") from None
        log.unread(field.name, 1, str(error).partition(",")[0])
        return None
    return _NOT_IN_TEXTS.sub("\ufffd", text) if text else None


def _at(row: dict[str, Any], key: str) -> Any:  # noqa: ANN401
    """The value of a key; of "item.title" also that of the key title in the object item."""
    outer, dot, inner = key.partition(".")
    value = row.get(key)
    if value is None and dot:
        nested = row.get(outer)
        return nested.get(inner) if isinstance(nested, dict) else None
    return value
