"""JSON lines and arrays: parsed in chunks by polars, and line by line only where polars cannot.

Of a key that is twice in an object the first value counts, in both ways of parsing.
"""

import ast
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import polars as pl

from unlike.data.tables.encoding import Encoding
from unlike.data.tables.fields import Field, as_text
from unlike.data.tables.log import BadLines, ReadLog
from unlike.data.tables.opening import TableFile
from unlike.errors import InputError

CHUNK_BYTES = 32_000_000
MAX_LINE_BYTES = 64_000_000
"""Maximum of the part of a line beyond its chunk; a gzipped file of a few megabytes may hold a line of gigabytes."""

MAX_ARRAY_BYTES = 1_000_000_000
"""Maximum of a JSON array, decompressed; read as a whole, it takes several times as much memory."""

Numbered = Sequence[tuple[int, bytes]]
_BOM = b"\xef\xbb\xbf"
_OPENS_LIST = re.compile(r'\{\s*(?:"\w+"\s*:\s*"[^"]*"\s*,\s*)*"\w+"\s*:\s*\[\s*\{')
"""An object whose first value that is not a string is a list of objects."""
_NOT_IN_TEXTS = re.compile("[\0\ud800-\udfff]")


def batches(
    table: TableFile, fields: Sequence[Field], encoding: Encoding, log: ReadLog
) -> Iterator[tuple[pl.DataFrame, BadLines]]:
    """Yield frames of text columns with a column ``line``, and beside each the malformed lines of its chunk."""
    number = 1
    whole = elements(table, encoding)
    lines_of = chunks(table, encoding) if whole is None else [[json.dumps(row).encode() + b"\n" for row in whole]]
    for chunk in lines_of:
        lines = [(number + i, line) for i, line in enumerate(chunk) if line.strip()]
        number += len(chunk)
        if not lines:
            continue
        if not encoding.is_settled and not all(line.isascii() for line in chunk):
            encoding.settle()
        if encoding.name == "utf-8" and (read := _fast(lines, fields, log)):
            yield read
        else:
            in_order = [(number, in_utf8(line, encoding)) for number, line in lines]
            yield _fast(in_order, fields, log) or _slow(in_order, fields, log)


def chunks(table: TableFile, encoding: Encoding) -> Iterator[list[bytes]]:
    """Yield the undecoded lines in chunks; those of wide encodings as UTF-8."""
    with table.open() as file:
        if encoding.is_wide:
            lines = (line.encode() for line in encoding.lines(file))
            while chunk := list(islice(lines, CHUNK_BYTES // 1000 + 1)):
                yield chunk
            return
        first = True
        while text := file.read(CHUNK_BYTES):
            end = b"" if text.endswith(b"\n") else file.readline(MAX_LINE_BYTES)
            if len(end) == MAX_LINE_BYTES and not end.endswith(b"\n"):
                raise InputError(
                    f"{table.name} has a line of more than {MAX_LINE_BYTES:,} bytes; no record is that long"
                )
            chunk = io.BytesIO(text + end).readlines()
            if first:
                chunk[0] = chunk[0].removeprefix(_BOM)
            first = False
            yield chunk


def in_utf8(line: bytes, encoding: Encoding) -> bytes:
    """A line of ``chunks`` as UTF-8; unchanged where it cannot be decoded."""
    if encoding.is_wide:
        return line
    try:
        return encoding.decoded(line).encode()
    except UnicodeDecodeError:
        return line


def elements(table: TableFile, encoding: Encoding) -> list[Any] | None:
    """The elements of a JSON array, or of the first array in an object; None where the file is neither.

    Such a file is read into memory as a whole.

    Raises:
        InputError: The array has more than MAX_ARRAY_BYTES.
    """
    head = table.head().decode(encoding.name, errors="replace").lstrip("\ufeff \t\r\n")
    if not head.startswith("[") and not _OPENS_LIST.match(head):
        return None
    content = bytearray()
    with table.open() as file:
        while len(content) <= MAX_ARRAY_BYTES and (chunk := file.read(CHUNK_BYTES)):
            content += chunk
    if len(content) > MAX_ARRAY_BYTES:
        if head.startswith("{"):  # each line may be an object of its own
            return None
        raise InputError(
            f"{table.name} is a JSON array of more than {MAX_ARRAY_BYTES:,} bytes, which is read as a whole; give one object "
            f"per line (jq -c '.[]') or Parquet"
        )
    text = _text(bytes(content), encoding).removeprefix("\ufeff")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), None)
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else None


def _text(content: bytes, encoding: Encoding) -> str:
    if encoding.is_wide:
        return content.decode(encoding.name, errors="replace")
    return b"".join(in_utf8(line, encoding) for line in io.BytesIO(content)).decode(errors="replace")


def _fast(lines: Numbered, fields: Sequence[Field], log: ReadLog) -> tuple[pl.DataFrame, BadLines] | None:
    """Parse a chunk at once; None where a line is malformed or a value may not be of its kind."""
    if any(field.kind == "list" for field in fields):
        return None
    keys = {key for field in fields for key in field.keys}
    keys |= {key.partition(".")[0] for key in keys}  # "item" for "item.title"
    try:
        frame = pl.read_ndjson(b"".join(line for _, line in lines), schema=dict.fromkeys(sorted(keys), pl.String))
    except pl.exceptions.ComputeError:
        return None
    if frame.height != len(lines):
        return None
    suspect = _suspect(frame)
    frame = frame.select(
        *(pl.coalesce(pl.col(field.keys).replace("", None)).alias(field.name) for field in fields),
        line=pl.Series([number for number, _ in lines], dtype=pl.UInt32),
    )
    if not suspect.any():
        return frame, []
    again, bad = _slow([lines[place] for place in suspect.arg_true()], fields, log)
    return pl.concat([frame.filter(~suspect), again.select(frame.columns)]).sort("line"), bad


def _suspect(frame: pl.DataFrame) -> pl.Series:
    """Whether a line may hold a list or an object, which polars returns as JSON, or a lone surrogate."""
    found = (
        column.str.starts_with("[") | column.str.starts_with("{") | column.str.contains("\0", literal=True)
        for column in map(pl.col, frame.columns)
    )
    return frame.select(pl.any_horizontal(found).fill_null(False)).to_series()


def _slow(lines: Numbered, fields: Sequence[Field], log: ReadLog) -> tuple[pl.DataFrame, BadLines]:
    rows = [(number, _row(line, fields, log)) for number, line in lines]
    bad = [(number, str(row)) for number, row in rows if isinstance(row, ValueError)]
    good = [(*row, number) for number, row in rows if not isinstance(row, ValueError)]
    schema = {field.name: pl.String for field in fields} | {"line": pl.UInt32}
    return pl.DataFrame(good, schema=schema, orient="row"), bad


def _row(line: bytes, fields: Sequence[Field], log: ReadLog) -> list[str | None] | ValueError:
    """The line's values as texts, or the fault of the line."""
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


def _decoded(line: bytes) -> object:
    """A line of JSON, or of the Python literals of Amazon's data of 2014."""
    text = line.decode()
    try:
        return json.loads(text, object_pairs_hook=_first_wins)
    except json.JSONDecodeError:
        if not text.lstrip().startswith(("{'", "{u'")):
            raise
        with suppress(SyntaxError, ValueError, MemoryError):
            return ast.literal_eval(text.strip())
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
        if field.kind == "time":
            return str(error).partition(",")[0]  # counted where it is found to be no time
        log.add_unreadable(field.name, 1, str(error).partition(",")[0])
        return None
    return _NOT_IN_TEXTS.sub("\ufffd", text) if text else None


def _at(row: dict[str, Any], key: str) -> object:
    """The value of a key; "item.title" is also the key title in the object item."""
    outer, dot, inner = key.partition(".")
    value = row.get(key)
    if value is None and dot:
        nested = row.get(outer)
        return nested.get(inner) if isinstance(nested, dict) else None
    return value
