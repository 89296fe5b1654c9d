"""CSV and TSV, plain or gzipped, with a header line."""

import csv
import io
from collections.abc import Iterator, Sequence
from io import BufferedReader
from itertools import islice

import polars as pl

from unlike.data.tables.fields import Field
from unlike.errors import InputError

BATCH_ROWS = 50_000
MAX_CELL_CHARS = 10_000_000

Bad = list[tuple[int, str]]


def batches(
    file: BufferedReader, fields: Sequence[Field], name: str, delimiter: str = ","
) -> Iterator[tuple[pl.DataFrame, Bad]]:
    """Yield frames of text columns with a column ``line`` (where the row ends), and the malformed rows beside each.

    Raises:
        InputError: A required or expected column is not in the header.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    csv.field_size_limit(MAX_CELL_CHARS)
    rows = _rows(text, delimiter)
    _, header = next(rows, (0, list[str]()))
    if isinstance(header, str):
        raise InputError(f"{name} has a header that is {header}; save it as UTF-8")
    keys = chosen_keys(header, fields, name)
    places = [None if key is None else header.index(key) for key in keys]
    while batch := list(islice(rows, BATCH_ROWS)):
        bad = [(number, row) for number, row in batch if isinstance(row, str)]
        good = [
            (*(None if place is None else row[place] for place in places), number)
            for number, row in batch
            if not isinstance(row, str)
        ]
        schema = {field.name: pl.String for field in fields} | {"line": pl.UInt32}
        yield pl.DataFrame(good, schema=schema, orient="row"), bad


def chosen_keys(columns: Sequence[str], fields: Sequence[Field], name: str) -> list[str | None]:
    """The column of each field, None for an optional one that the table lacks.

    Raises:
        InputError: A required or expected column is not there.
    """
    keys = [next((key for key in field.keys if key in columns), None) for field in fields]
    missing = [
        " or ".join(field.keys)
        for field, key in zip(fields, keys, strict=True)
        if key is None and (field.required or field.expected)
    ]
    if missing:
        raise InputError(
            f"{name} has no column {', '.join(missing)}; it has {', '.join(columns) or 'none'}; name the right ones"
        )
    return keys


def _rows(text: io.TextIOBase, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """(line number, cells, or what is wrong with the row); the first row, the header, sets the width."""
    reader = csv.reader(text, delimiter=delimiter)
    width = 0
    while True:
        try:
            row = next(reader)
            "".join(row).encode()
            width = width or len(row)
            if row:
                yield reader.line_num, row if len(row) == width else f"{len(row)} cells, the header has {width}"
        except StopIteration:
            return
        except UnicodeError:
            yield reader.line_num, "not UTF-8"
        except csv.Error as error:
            yield reader.line_num, f"not CSV: {error}"
