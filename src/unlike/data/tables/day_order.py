"""Dates such as 03/04/2024, whose day and month may be in either order; another date of the column may show which it is.

All files of a column are read before its order is known, so both readings are kept beside the column until then.
"""

import polars as pl

from unlike.data.tables.log import EITHER_ORDER, ReadLog
from unlike.data.tables.times import moments

ORDERS = ("day_first", "month_first")
_DATE = r"(?:^|\D)(\d{1,2})[/ -](\d{1,2})[/ -]\d{4}(?:\D|$)"
_MONTHS = 12


def readings(words: pl.Series, moment: pl.Series, log: ReadLog) -> list[pl.Series]:
    """Both readings of the dates that have two, in Unix milliseconds; null for all other values.

    Args:
        words: A column of dates as texts.
        moment: The times of those that have one reading.
        log: Gets an example of each order that a date shows, and of a date that shows none.

    Returns:
        ``<name>_day_first`` and ``<name>_month_first``.
    """
    parts = pl.DataFrame({"text": words, "read": moment.is_not_null()}).with_columns(
        *(pl.col("text").str.extract(_DATE, group).cast(pl.Int64).alias(f"part{group}") for group in (1, 2))
    )
    if parts["part1"].null_count() == parts.height:
        return [_column(words, {}, order) for order in ORDERS]
    for order, part in zip(ORDERS, ("part1", "part2"), strict=True):
        shown = parts.filter(pl.col("read") & (pl.col(part) > _MONTHS))
        if shown.height:
            log.see_order(words.name, order, shown["text"][0])
    open_ = parts.filter(~pl.col("read") & (pl.max_horizontal("part1", "part2") <= _MONTHS))["text"].unique(
        maintain_order=True
    )
    both = {text: read for text in open_ if len(read := moments(text)) == len(ORDERS)}
    if both:
        log.see_order(words.name, EITHER_ORDER, next(iter(both)))
    return [_column(words, {text: read[order] for text, read in both.items()}, order) for order in ORDERS]


def _column(words: pl.Series, read: dict[str, int], order: str) -> pl.Series:
    name = f"{words.name}_{order}"
    if not read:
        return pl.Series(name, [None], dtype=pl.Int64).new_from_index(0, len(words))
    values = pl.Series(list(read.values()), dtype=pl.Int64)
    return words.replace_strict(pl.Series(list(read)), values, default=None, return_dtype=pl.Int64).alias(name)


def with_one_order(rows: pl.LazyFrame, name: str, log: ReadLog) -> pl.LazyFrame:
    """Read the dates of a column that have two readings in the order that its other dates show.

    Args:
        rows: With the columns ``name`` and those of ``readings``.
        name: Of the column.
        log: Has the orders that were seen; gets what is assumed, and the number of dates that cannot be read.
    """
    both = [f"{name}_{order}" for order in ORDERS]
    n = int(rows.select(pl.col(both[0]).count()).collect(engine="streaming").item())
    if not n:
        return rows.drop(both)
    seen = log.orders(name)
    shown = [order for order in ORDERS if order in seen]
    if len(shown) != 1:
        log.add_unreadable(name, n, repr(seen[EITHER_ORDER][:40]), EITHER_ORDER)
        return rows.drop(both)
    order = shown[0]
    log.assume(
        f"{name}, {n:,} such as {seen[EITHER_ORDER]!r}",
        f"{order.replace('_', ' ')}, as {seen[order]!r} of the same column",
    )
    return rows.with_columns(pl.coalesce(name, f"{name}_{order}").alias(name)).drop(both)
