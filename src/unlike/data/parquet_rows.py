"""Records, items and cases as Parquet: the columns of a corpus folder, and both ways between rows and objects."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from unlike.data.folder import FILES, SPLITS
from unlike.errors import InputError
from unlike.records import Case, Item, Record

RECORDS: dict[str, type[pl.DataType]] = {
    "id": pl.String,
    "user_id": pl.String,
    "item_id": pl.String,
    "text": pl.String,
    "title": pl.String,
    "rating": pl.Float64,
    "timestamp": pl.Int64,
}
ITEMS: dict[str, type[pl.DataType]] = {
    "id": pl.String,
    "title": pl.String,
    "description": pl.String,
    "attributes": pl.String,
}
CASES: dict[str, type[pl.DataType]] = {
    "id": pl.String,
    "user_id": pl.String,
    "item_id": pl.String,
    "timestamp": pl.Int64,
    "title": pl.String,
    "rating": pl.Float64,
    "reference": pl.String,
    "split": pl.String,
}
"""Columns are in the order of the dataclasses' fields."""


def read_rows(folder: Path) -> tuple[list[Record], list[Item], list[Case]]:
    """All records, items and cases of a corpus folder.

    Raises:
        InputError: A file lacks a column.
    """
    try:
        tables = [
            pl.read_parquet(folder / name, columns=list(schema))
            for name, schema in zip(FILES, (RECORDS, ITEMS, CASES), strict=True)
        ]
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{folder} is no corpus that this version reads: {error}; make it again") from error
    records, items, cases = (table.iter_rows() for table in tables)
    return (
        [Record(*row) for row in records],
        [Item(id, title, text, json.loads(attributes)) for id, title, text, attributes in items],
        [Case(*row) for row in cases],
    )


def write_rows(folder: Path, records: Iterable[Record], items: Iterable[Item], cases: Sequence[Case]) -> None:
    """Write the three Parquet files of a corpus folder."""
    of_records = [tuple(getattr(record, name) for name in RECORDS) for record in records]
    of_items = [(item.id, item.title, item.description, _json(item.attributes)) for item in items]
    of_cases = [tuple(getattr(case, name) for name in CASES) for case in cases]
    for name, schema, rows in zip(FILES, (RECORDS, ITEMS, CASES), (of_records, of_items, of_cases), strict=True):
        write(pl.DataFrame(rows, schema=schema, orient="row"), folder / name)


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write one of the tables."""
    frame.write_parquet(path, compression="zstd", row_group_size=50_000)


def in_order(cases: pl.DataFrame) -> pl.DataFrame:
    """Cases by split, then user, then time."""
    return cases.sort(pl.col("split").cast(pl.Enum(SPLITS)), "user_id", "timestamp", "id").select(*CASES)


def _json(attributes: Mapping[str, Any]) -> str:
    return json.dumps(dict(attributes), sort_keys=True, ensure_ascii=False)
