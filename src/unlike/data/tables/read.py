"""Reads a table of any format as typed batches; malformed lines go to the log."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import polars as pl

from unlike.data.tables import delimited, jsonl, parquet
from unlike.data.tables.casts import reason_of_absence, typed
from unlike.data.tables.encoding import Encoding
from unlike.data.tables.fields import DEFAULT_READING, Field, Reading, how_to_leave_out, how_to_map
from unlike.data.tables.log import BadLines, ReadLog, check_malformed
from unlike.data.tables.opening import TableFile, files_of, reading
from unlike.errors import InputError

GIVE_UP_LINES = 100_000
"""Malformed lines after which a table without any usable line is refused; reviews without a text do not count."""


def read_table(
    path: Path, fields: Sequence[Field], log: ReadLog, how: Reading = DEFAULT_READING
) -> Iterator[pl.DataFrame]:
    """Read a table, or all tables of a folder in the order of their names.

    Args:
        path: JSON lines or arrays, CSV, TSV (each plain or compressed), Parquet, a folder or zip archive of them, or "-"
            for standard input.
        fields: The columns wanted.
        log: Gets the malformed lines, assumptions and warnings.
        how: Options of the user.

    Yields:
        Frames with one column per field, cast to its kind (a time has others beside it, see ``casts.typed``); only
        usable lines.

    Raises:
        InputError: A file is missing or damaged, lacks a column, has no usable line, or has too many malformed ones.
    """
    unseen = [field for field in fields if field.expected]
    # Reviews without a text (a rating alone) are common, so they are not a sign of a damaged file.
    no_text = next((reason_of_absence(field) for field in fields if field.required and field.kind == "text"), "")
    reasons, n_usable = Counter[str](), 0
    first: tuple[int, str] | None = None
    for file in files_of(path):
        with reading(file.name):
            for rows, bad in _batches(file, fields, log, how):
                log.add(file.name, bad)
                reasons.update(reason.partition(":")[0] for _, reason in bad if reason != no_text)
                first = first or next(iter(bad), None)
                n_usable += rows.height
                if not n_usable and reasons.total() >= GIVE_UP_LINES:
                    _raise_none_usable(path, fields, first, f" among the first {reasons.total():,}")
                unseen = [field for field in unseen if _is_empty(rows, field)]
                yield rows
    if not n_usable:
        _raise_none_usable(path, fields, first)
    if unseen:
        keys = ", ".join(key for field in unseen for key in field.keys)
        example = log.example_of_unreadable(unseen[0].name)
        unreadable = f" that can be read, only values such as {example}" if example else ""
        raise InputError(
            f"{path.name} has no value for {keys} in any line{unreadable}; name the right columns{how_to_map(fields)}, "
            f"or leave these out: {how_to_leave_out(fields, unseen)}"
        )
    check_malformed(path.name, reasons, n_usable, how.max_malformed)


def _is_empty(rows: pl.DataFrame, field: Field) -> bool:
    """Whether no row has a value; a time may also be a number."""
    names = [field.name, f"{field.name}_as_number"] if field.kind == "time" else [field.name]
    return all(rows[name].null_count() == rows.height for name in names)


def _raise_none_usable(path: Path, fields: Sequence[Field], first: tuple[int, str] | None, where: str = "") -> NoReturn:
    seen = f"line {first[0]}: {first[1]}" if first else "it is empty"
    needs = ", ".join(" or ".join(field.keys) for field in fields if field.required)
    raise InputError(
        f"{path.name} has no usable line{where}: {seen}; every line needs {needs}; check format and columns{how_to_map(fields)}"
    )


def _batches(
    file: TableFile, fields: Sequence[Field], log: ReadLog, how: Reading
) -> Iterator[tuple[pl.DataFrame, BadLines]]:
    """The usable lines of one file, cast, and the malformed ones."""
    for raw, malformed in _raw(file, fields, log, how):
        rows = typed(raw, fields, how, log)
        wrong = rows.filter(pl.col("reason").is_not_null())
        bad = sorted([*malformed, *wrong.select("line", "reason").iter_rows()])
        yield rows.filter(pl.col("reason").is_null()).drop("reason", "line"), bad


def _raw(
    file: TableFile, fields: Sequence[Field], log: ReadLog, how: Reading
) -> Iterator[tuple[pl.DataFrame, BadLines]]:
    """Text columns and malformed lines of any format, batch by batch."""
    if file.path.stat().st_size == 0:
        return
    form = file.format
    if form == "parquet":
        yield from ((frame, BadLines()) for frame in parquet.batches(file, fields))
    elif form == "jsonl":
        own = [field for field in fields if set(field.keys).isdisjoint(file.constants)]
        for frame, bad in jsonl.batches(file, own, Encoding(file, how, log), log):
            yield _with_constants(frame, file, fields), bad
    else:
        yield from delimited.batches(file, fields, how, Encoding(file, how, log), log)


def _with_constants(frame: pl.DataFrame, file: TableFile, fields: Sequence[Field]) -> pl.DataFrame:
    """The rows with the columns that come from folder names."""
    given = [(field.name, file.constants[key]) for field in fields for key in field.keys if key in file.constants]
    return frame.with_columns(pl.lit(value, dtype=pl.String).alias(name) for name, value in given)
