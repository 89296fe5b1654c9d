"""Raw files as Parquet parts on disk, read once: the curation then looks at keys and lengths and leaves the texts.

Rows are numbered in the order of the files, and every later join is by that number.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from unlike.data.sources import ITEM_KINDS, RECORD_KINDS, Source
from unlike.data.tables.day_order import ORDERS, with_one_order
from unlike.data.tables.fields import Kind
from unlike.data.tables.log import ReadLog
from unlike.data.tables.read import read_table
from unlike.data.tables.times import check_formats, with_one_unit
from unlike.progress import n_of

TYPES: dict[str, type[pl.DataType]] = {"number": pl.Float64, "time": pl.Int64}
"""Column types by kind; columns of other kinds are texts."""
_BESIDE_TIMES = {
    "timestamp_as_number": pl.Float64,
    **{f"timestamp_{order}": pl.Int64 for order in ORDERS},
}
_OUTLIER_IQRS = 10
"""A rating is an outlier when it lies more interquartile ranges than this outside the quartiles."""


def stage_records(source: Source, folder: Path, log: ReadLog) -> pl.LazyFrame:
    """Read the source's texts into Parquet parts.

    Returns:
        A column for each of ``sources.RECORD_KINDS`` (null where the source has none), ``row``, ``n_chars`` of the text before
        white space is normalised, ``text_hash``, and ``timestamp_unreadable``: what a time was that cannot be read.

    Raises:
        InputError: A file is not usable; see ``read_table``.
    """
    check_formats(source.reading.time_format)
    derived = {"n_chars": pl.col("text").str.len_chars(), "text_hash": pl.col("text").hash(seed=0)}
    read = read_table(source.records, source.record_fields, log, source.reading)
    rows = _staged(read, RECORD_KINDS, folder, derived)
    if source.has("timestamp"):
        rows = with_one_order(rows, "timestamp", log)
        rows = with_one_unit(rows, "timestamp", source.reading.time_unit, log)
        is_read = pl.col("timestamp").is_not_null()
        rows = rows.with_columns(timestamp_unreadable=pl.when(~is_read).then("timestamp_unreadable"))
        n_rows = int(rows.select(pl.len()).collect().item())
        log.check_times("timestamp", n_rows, source.reading.max_malformed, source.reading.time_format)
    if source.has("rating"):
        _warn_of_outliers(rows, log)
    for column in ("user_id", "item_id"):
        _warn_of_case(rows, column, log)
    return rows


def stage_items(source: Source, records: pl.LazyFrame, folder: Path, log: ReadLog) -> pl.LazyFrame:
    """Read the source's items into Parquet parts; without a file of items they come from the records.

    Returns:
        A column for each of ``sources.ITEM_KINDS`` and ``row``; an item may stand there more than once.
    """
    if source.items is not None:
        return _staged(read_table(source.items, source.item_fields, log, source.reading), ITEM_KINDS, folder, {})
    folder.mkdir()
    named = {"title": "item_title", "description": "item_description"}
    own = records.select("item_id", "row", **{name: pl.col(column) for name, column in named.items()})
    own.with_columns(categories=pl.lit(None, pl.String), rating_number=pl.lit(None, pl.Float64)).unique(
        ["item_id", "title", "description"], keep="first", maintain_order=True
    ).sink_parquet(folder / "0.parquet", compression="lz4")
    return pl.scan_parquet(folder / "*.parquet")


def _staged(
    frames: Iterable[pl.DataFrame], kinds: Mapping[str, Kind], folder: Path, derived: Mapping[str, pl.Expr]
) -> pl.LazyFrame:
    """A table in Parquet parts, all with the same columns in the same order."""
    folder.mkdir()
    types = {name: TYPES.get(kind, pl.String) for name, kind in kinds.items()} | _BESIDE_TIMES
    types |= {"timestamp_unreadable": pl.String}
    start = 0
    for part, frame in enumerate(frames):
        have = [name for name in types if name in frame.columns or name not in _BESIDE_TIMES]
        columns = [
            pl.col(name) if name in frame.columns else pl.lit(None, dtype=types[name]).alias(name) for name in have
        ]
        rows = frame.select(columns).with_row_index("row", offset=start).with_columns(**derived)
        rows.write_parquet(folder / f"{part:06}.parquet", compression="lz4")
        start += frame.height
    return pl.scan_parquet(folder / "*.parquet")


def _warn_of_case(rows: pl.LazyFrame, column: str, log: ReadLog) -> None:
    """Warn of ids that differ from another only in upper and lower case: they may be one user or item."""
    ids = rows.select(pl.col(column).drop_nulls().unique())
    alike = ids.group_by(pl.col(column).str.to_lowercase().alias("folded")).agg(pl.col(column).sort().alias("ids"))
    found = alike.filter(pl.col("ids").list.len() > 1).sort("folded").collect(engine="streaming")["ids"].to_list()
    if found:
        what, example = column.replace("_", " "), " and ".join(map(repr, found[0][:2]))
        n = sum(map(len, found))
        log.warn(f"{n:,} {what}s differ from another only in case, such as {example}; they are read as different ones")


def _warn_of_outliers(rows: pl.LazyFrame, log: ReadLog) -> None:
    """Warn of ratings far from all others: they may be on another scale, or belong to another column."""
    rating = pl.col("rating")
    low, high = rows.select(low=rating.quantile(0.25), high=rating.quantile(0.75)).collect(engine="streaming").row(0)
    if low is None:
        return
    reach = _OUTLIER_IQRS * max(high - low, 1.0)
    far = rows.filter(~rating.is_between(low - reach, high + reach)).select("rating").collect(engine="streaming")
    if far.height:
        log.warn(
            f"{n_of(far.height, 'rating')} far from the others ({low:g} to {high:g} in the middle): {far.item(0, 0):g}"
        )
