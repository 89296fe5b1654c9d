"""Parquet files, a slice of rows at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from unlike.data.tables.delimited import chosen_keys
from unlike.data.tables.fields import Field, Kind, as_text
from unlike.errors import InputError

BATCH_ROWS = 50_000


def batches(path: Path, fields: Sequence[Field]) -> Iterator[pl.DataFrame]:
    """Yield frames of text columns with a column ``line``: the row's number, from 1.

    Raises:
        InputError: A column is missing or of a type that cannot be of its kind.
    """
    table = pl.scan_parquet(path)
    columns = table.collect_schema().names()
    chosen_keys(columns, fields, path.name)
    wanted = sorted({key for field in fields for key in field.keys if key in columns})
    total = int(table.select(pl.len()).collect().item())
    for start in range(0, total, BATCH_ROWS):
        rows = table.select(wanted).slice(start, BATCH_ROWS).collect()
        texts = [
            _first([_text(rows[key], field.kind, path.name) for key in field.keys if key in columns], field, rows)
            for field in fields
        ]
        yield pl.DataFrame(texts).with_columns(line=pl.int_range(start + 1, start + 1 + rows.height, dtype=pl.UInt32))


def _first(columns: Sequence[pl.Series], field: Field, rows: pl.DataFrame) -> pl.Series:
    """The first value that is there."""
    if not columns:
        return pl.Series(field.name, [None] * rows.height, dtype=pl.String)
    return pl.select(pl.coalesce(columns)).to_series().alias(field.name)


def _text(column: pl.Series, kind: Kind, file: str) -> pl.Series:
    kept = column.dtype
    if kind == "list" or (kind == "prose" and kept == pl.List):
        return pl.Series([as_text(value, kind) for value in column.to_list()], dtype=pl.String)
    if kept.is_temporal() and kind == "time":
        return column.dt.strftime("%Y-%m-%d" if kept == pl.Date else "%Y-%m-%d %H:%M:%S%.3f")
    if kept.is_nested() or kept.is_(pl.Binary) or kept.is_(pl.Boolean) or kept.is_temporal():
        raise InputError(f"column {column.name} of {file} is {kept}; a {kind} is needed; name another column")
    return column.cast(pl.String)
