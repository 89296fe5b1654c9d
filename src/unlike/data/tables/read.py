"""The entry to every table: any format in, typed batches out, malformed lines into the log."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import polars as pl

from unlike.data.tables import delimited, jsonl, parquet
from unlike.data.tables.casts import reason_of_absence, typed
from unlike.data.tables.encoding import Encoding
from unlike.data.tables.fields import Field, Reading
from unlike.data.tables.log import ReadLog, refuse_too_many
from unlike.data.tables.opening import TableFile, files_of, reading
from unlike.errors import InputError

Bad = list[tuple[int, str]]
DEFAULT = Reading()


def read_table(path: Path, fields: Sequence[Field], log: ReadLog, how: Reading = DEFAULT) -> Iterator[pl.DataFrame]:
    """Read a table, or all tables of a folder in the order of their names.

    Args:
        path: JSON lines or arrays, CSV, TSV (each plain or compressed), Parquet, a folder or zip archive of them, or "-"
            for standard input.
        fields: The columns wanted.
        log: Takes the malformed lines, and what was assumed.
        how: What the user says of the files.

    Yields:
        Frames with one column per field, cast to its kind (a time has a second one, ``<name>_as_number``); only usable
        lines.

    Raises:
        InputError: A file is missing or damaged, lacks a column, has no usable line, or too many malformed ones.
    """
    unseen = [field for field in fields if field.expected]
    # A text may well be empty; whoever gives ratings alone damages no file.
    no_text = next((reason_of_absence(field) for field in fields if field.required and field.kind == "text"), "")
    reasons, n_usable = Counter[str](), 0
    first: tuple[str, tuple[int, str]] | None = None
    for file in files_of(path):
        with reading(file.name):
            for rows, bad in _batches(file, fields, log, how):
                log.add(file.name, bad)
                reasons.update(reason.partition(":")[0] for _, reason in bad if reason != no_text)
                first = first or ((file.name, bad[0]) if bad else None)
                n_usable += rows.height
                if bad and not n_usable:
                    break
                unseen = [
                    field for field in unseen if rows[field.name].null_count() == rows.height and _none(rows, field)
                ]
                yield rows
    if not n_usable:
        _none_usable(path, fields, first)
    if unseen:
        keys = ", ".join(key for field in unseen for key in field.keys)
        why = log.why_unread(unseen[0].name)
        raise InputError(f"{path.name} has no value for {keys} in any line{why}; name the right columns")
    refuse_too_many(path.name, reasons, n_usable, how.max_malformed)


def _none(rows: pl.DataFrame, field: Field) -> bool:
    """Whether a time has no number either."""
    return field.kind != "time" or rows[f"{field.name}_as_number"].null_count() == rows.height


def _none_usable(path: Path, fields: Sequence[Field], first: tuple[str, tuple[int, str]] | None) -> NoReturn:
    seen = f"line {first[1][0]}: {first[1][1]}" if first else "it is empty"
    needs = ", ".join(" or ".join(field.keys) for field in fields if field.required)
    raise InputError(f"{path.name} has no usable line: {seen}; every line needs {needs}; check format and columns")


def _batches(
    file: TableFile, fields: Sequence[Field], log: ReadLog, how: Reading
) -> Iterator[tuple[pl.DataFrame, Bad]]:
    """The usable lines of one file, cast, and the others."""
    for raw, malformed in _raw(file, fields, log, how):
        rows = typed(raw, fields, how, log)
        wrong = rows.filter(pl.col("reason").is_not_null())
        bad = sorted([*malformed, *wrong.select("line", "reason").iter_rows()])
        yield rows.filter(pl.col("reason").is_null()).drop("reason", "line"), bad


def _raw(file: TableFile, fields: Sequence[Field], log: ReadLog, how: Reading) -> Iterator[tuple[pl.DataFrame, Bad]]:
    """Text columns and malformed lines, batch by batch, whatever the format."""
    if file.path.stat().st_size == 0:
        return
    form = file.format
    if form == "parquet":
        yield from ((frame, list[tuple[int, str]]()) for frame in parquet.batches(file, fields))
    elif form == "jsonl":
        own = [field for field in fields if set(field.keys).isdisjoint(file.constants)]
        for frame, bad in jsonl.batches(file, own, Encoding(file, how, log), log):
            yield _with_constants(frame, file, fields), bad
    else:
        yield from delimited.batches(file, fields, how, Encoding(file, how, log), log)


def _with_constants(frame: pl.DataFrame, file: TableFile, fields: Sequence[Field]) -> pl.DataFrame:
    """The columns that folder names give."""
    given = [(field.name, file.constants[key]) for field in fields for key in field.keys if key in file.constants]
    return frame.with_columns(pl.lit(value, dtype=pl.String).alias(name) for name, value in given)
