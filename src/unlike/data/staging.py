"""Raw files as Parquet parts on disk, read once: the curation then looks at keys and lengths and leaves the texts.

Rows are numbered in the order of the files, and every later join is by that number.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from unlike.data.sources import Source
from unlike.data.tables.quarantine import Quarantine
from unlike.data.tables.read import read_table

RECORD_COLUMNS = {
    "record_id": pl.String, "user_id": pl.String, "item_id": pl.String, "title": pl.String, "text": pl.String,
    "rating": pl.Float64, "timestamp": pl.Int64, "item_title": pl.String, "item_description": pl.String,
}  # fmt: skip
ITEM_COLUMNS = {
    "item_id": pl.String, "title": pl.String, "description": pl.String, "categories": pl.String,
    "rating_number": pl.Float64,
}  # fmt: skip


def stage_records(source: Source, folder: Path, quarantine: Quarantine) -> pl.LazyFrame:
    """Read the source's texts into Parquet parts.

    Returns:
        The columns of RECORD_COLUMNS (null where the source has none), ``row``, ``n_chars`` of the raw text, and
        ``text_hash``.
    """
    folder.mkdir()
    start = 0
    for part, frame in enumerate(read_table(source.records, source.record_fields, quarantine)):
        derived = {"n_chars": pl.col("text").str.len_chars(), "text_hash": pl.col("text").hash(seed=0)}
        rows = _complete(frame, RECORD_COLUMNS).with_row_index("row", offset=start).with_columns(**derived)
        rows.write_parquet(folder / f"{part:06}.parquet", compression="lz4")
        start += frame.height
    return pl.scan_parquet(folder / "*.parquet")


def stage_items(source: Source, records: pl.LazyFrame, folder: Path, quarantine: Quarantine) -> pl.LazyFrame:
    """Read the source's items into Parquet parts; without a file of items they come from the records.

    Returns:
        The columns of ITEM_COLUMNS and ``row``; an item may stand there more than once.
    """
    folder.mkdir()
    if source.items is None:
        named = {"title": "item_title", "description": "item_description"}
        own = records.select("item_id", "row", **{name: pl.col(column) for name, column in named.items()})
        own.with_columns(categories=pl.lit(None, pl.String), rating_number=pl.lit(None, pl.Float64)).unique(
            ["item_id", "title", "description"], keep="first", maintain_order=True
        ).sink_parquet(folder / "0.parquet", compression="lz4")
        return pl.scan_parquet(folder / "*.parquet")
    start = 0
    for part, frame in enumerate(read_table(source.items, source.item_fields, quarantine)):
        rows = _complete(frame, ITEM_COLUMNS).with_row_index("row", offset=start)
        rows.write_parquet(folder / f"{part:06}.parquet", compression="lz4")
        start += frame.height
    return pl.scan_parquet(folder / "*.parquet")


def _complete(frame: pl.DataFrame, columns: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """All columns, in one order, so that all parts look alike."""
    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in columns.items()
    )
