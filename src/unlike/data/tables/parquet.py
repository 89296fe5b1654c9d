"""Parquet files, a slice of rows at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from unlike.data.tables.delimited import chosen_keys
from unlike.data.tables.fields import Field, as_text, number_as_text
from unlike.data.tables.opening import TableFile
from unlike.errors import InputError

BATCH_ROWS = 50_000


def batches(file: TableFile, fields: Sequence[Field]) -> Iterator[pl.DataFrame]:
    """Yield frames of text columns with a column ``line``: the row's number, from 1.

    Raises:
        InputError: A column is missing or of a type that cannot be of its kind.
    """
    table = pl.scan_parquet(_on_disk(file), hive_partitioning=False)
    columns = [name for name in table.collect_schema().names() if name not in file.constants]
    keys = chosen_keys([*columns, *file.constants], fields, file.name)
    constants = [pl.lit(value, dtype=pl.String).alias(name) for name, value in file.constants.items()]
    wanted = sorted({key for own in keys for key in own} - set(file.constants))
    total = int(table.select(pl.len()).collect().item())
    for start in range(0, total, BATCH_ROWS):
        rows = table.select(wanted).slice(start, BATCH_ROWS).collect().with_columns(*constants)
        texts = [
            _first([_text(rows[key], field, file.name) for key in own], field, min(BATCH_ROWS, total - start))
            for field, own in zip(fields, keys, strict=True)
        ]
        yield pl.DataFrame(texts).with_columns(line=pl.int_range(start + 1, start + 1 + len(texts[0]), dtype=pl.UInt32))


def _on_disk(file: TableFile) -> Path:
    if file.member:
        raise InputError(f"{file.name} is Parquet in an archive; unpack it, because Parquet is compressed already")
    return file.path


def _first(columns: Sequence[pl.Series], field: Field, n_rows: int) -> pl.Series:
    """The first value of each row that is not empty."""
    if not columns:
        return pl.Series(field.name, [None] * n_rows, dtype=pl.String)
    return pl.select(pl.coalesce([column.replace("", None) for column in columns])).to_series().alias(field.name)


def _text(column: pl.Series, field: Field, file: str) -> pl.Series:
    kept, kind = column.dtype, field.kind
    if kind == "list" or (kind == "prose" and kept.is_nested()):
        values = column.to_list()
        return pl.Series([as_text(value, kind) for value in values], dtype=pl.String)
    if kind == "time" and (kept.is_(pl.Date) or isinstance(kept, pl.Datetime)):
        if getattr(kept, "time_zone", None):
            column = column.dt.convert_time_zone("UTC")
        return column.dt.strftime("%Y-%m-%d" if kept == pl.Date else "%Y-%m-%d %H:%M:%S%.3f")
    if kept.is_nested() or kept.is_(pl.Boolean) or kept.is_temporal():
        raise InputError(f"column {column.name} of {file} is {kept}; a {kind} is needed; name another column")
    if kept.is_float():
        numbers = column.unique()
        texts = pl.Series([None if one is None else number_as_text(one) for one in numbers], dtype=pl.String)
        return column.replace_strict(numbers, texts, return_dtype=pl.String)
    return column.cast(pl.String, strict=False).str.replace_all("\0", "\ufffd", literal=True)
