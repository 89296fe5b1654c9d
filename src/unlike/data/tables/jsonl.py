"""JSON lines, plain or gzipped: whole chunks through polars, and line by line only where a chunk holds a bad one."""

import json
from collections.abc import Iterator, Sequence
from io import BufferedReader
from typing import Any

import polars as pl

from unlike.data.tables.fields import Field, as_text

CHUNK_BYTES = 32_000_000

Numbered = Sequence[tuple[int, bytes]]
Bad = list[tuple[int, str]]


def batches(file: BufferedReader, fields: Sequence[Field]) -> Iterator[tuple[pl.DataFrame, Bad]]:
    """Yield frames of text columns with a column ``line``, and beside each the malformed lines of its chunk."""
    number = 1
    while chunk := file.readlines(CHUNK_BYTES):
        if number == 1:
            chunk[0] = chunk[0].removeprefix(b"\xef\xbb\xbf")
        lines = [(number + i, line) for i, line in enumerate(chunk) if line.strip()]
        number += len(chunk)
        if lines:
            yield _fast(lines, fields) or _slow(lines, fields)


def _fast(lines: Numbered, fields: Sequence[Field]) -> tuple[pl.DataFrame, Bad] | None:
    """The chunk in one go; None where a line is malformed or a value is not certainly of its kind."""
    if any(field.kind in ("prose", "list") for field in fields):
        return None
    schema = {key: pl.String for field in fields for key in field.keys}
    try:
        frame = pl.read_ndjson(b"".join(line for _, line in lines), schema=schema)
    except pl.exceptions.ComputeError:
        return None
    if frame.height != len(lines):
        return None
    frame = frame.select(
        *(pl.coalesce(field.keys).alias(field.name) for field in fields),
        line=pl.Series([number for number, _ in lines], dtype=pl.UInt32),
    )
    return _without_nested(frame, lines, fields)


def _without_nested(frame: pl.DataFrame, lines: Numbered, fields: Sequence[Field]) -> tuple[pl.DataFrame, Bad]:
    """Take out lines where a list or an object stands for a text: polars hands those over as their JSON."""
    nested = pl.any_horizontal(pl.col(field.name).str.contains(r"^[\[{]") for field in fields)
    suspects = frame.with_row_index().filter(nested)["index"].to_list()
    bad = [(lines[i][0], str(row)) for i in suspects if isinstance(row := _row(lines[i][1], fields), ValueError)]
    return (frame.filter(~pl.col("line").is_in([number for number, _ in bad])) if bad else frame), bad


def _slow(lines: Numbered, fields: Sequence[Field]) -> tuple[pl.DataFrame, Bad]:
    rows = [(number, _row(line, fields)) for number, line in lines]
    bad = [(number, str(row)) for number, row in rows if isinstance(row, ValueError)]
    good = [(*row, number) for number, row in rows if not isinstance(row, ValueError)]
    schema = {field.name: pl.String for field in fields} | {"line": pl.UInt32}
    return pl.DataFrame(good, schema=schema, orient="row"), bad


def _row(line: bytes, fields: Sequence[Field]) -> list[str | None] | ValueError:
    """The line's values as texts, or what is wrong with it."""
    try:
        row: Any = json.loads(line)
        if not isinstance(row, dict):
            return ValueError("not a JSON object")
        values = [_value(row, field) for field in fields]
        "".join(value for value in values if value).encode()
    except UnicodeError:
        return ValueError("not UTF-8")
    except json.JSONDecodeError as error:
        return ValueError(f"not JSON: {error.msg} at character {error.pos + 1}")
    except RecursionError:
        return ValueError("not JSON: nested too deeply")
    except ValueError as error:
        return error
    return values


def _value(row: dict[str, Any], field: Field) -> str | None:
    key = next((key for key in field.keys if row.get(key) is not None), field.keys[0])
    try:
        return as_text(row.get(key), field.kind)
    except ValueError as error:
        raise ValueError(f"{key} is {error}") from None
