"""Times of a column as Unix milliseconds.

Dates are read value by value. What a number means depends on the unit, which is recognised once for the whole column by
the range in which its values lie: 1973 to 2099. A column in which two units are plausible is refused.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import polars as pl

from unlike.data.tables.log import ReadLog
from unlike.errors import InputError
from unlike.settings import as_list

UNITS_PER_MS: dict[str, float] = {"s": 1e-3, "ms": 1.0, "us": 1e3, "ns": 1e6}
FORMS = (*UNITS_PER_MS, "date", "year")
"""What a number may mean: a Unix time in a unit, a date such as 20200913, or a year."""
FIRST_S, LAST_S = 1e8, 4.1e9
LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""

_FORMATS = (
    "%Y/%m/%d", "%m %d, %Y", "%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
"""Formats of large data sets, parsed by column; dates in other formats are parsed one by one."""
_ZONES = {name: hours * 3600 for name, hours in {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
          "PST": -8, "PDT": -7}.items()}  # fmt: skip
"""Time zones of RFC 822, in seconds."""
_YEAR_FIRST = re.compile(r"(\d{4})([-/]?)(\d\d|(?<=\D)\d)\2(\d\d|(?<=\D)\d)(?!\d)[Tt ]?(.*?)(?:\s*(?:UTC|GMT))?")
"""Year, separator, month, day and time of day; the separator may be missing, as in 20230211T100000Z."""
_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d)")
_DOTTED = re.compile(r"\d{1,2}\.(\d{1,2})\.\d{4}\b")
"""A date with dots; the month is its group."""
MONTHS = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dates(text: pl.Series, forms: Sequence[str] | str = "") -> pl.Series:
    """Texts as Unix milliseconds, null where they are no dates. Dates without a zone count as UTC.

    Args:
        text: The column.
        forms: Formats for ``strptime``, of which the first that fits a value counts; none to recognise them.
    """
    if given := given_formats(forms):
        return pl.select(pl.coalesce(*(_parsed(text, form) for form in given))).to_series()
    plain = pl.all().str.replace("T", " ", literal=True).str.replace("Z$", "+00:00")
    iso = (
        _moment(plain, "%Y-%m-%d %H:%M:%S%.f"), _moment(plain, "%Y-%m-%d %H:%M:%S%.f%z"), _day(pl.all(), "%Y-%m-%d")
    )  # fmt: skip
    found = text.to_frame().select(pl.coalesce(*iso)).to_series()
    for known in _FORMATS:
        if found.null_count() == text.null_count():
            return found
        read_as = _moment if "%H" in known else _day
        both = pl.DataFrame({"text": text, "found": found})
        found = both.select(pl.coalesce("found", read_as(pl.col("text"), known)).alias(text.name)).to_series()
    left = text.filter(found.is_null()).drop_nulls().unique()
    if left.is_empty():
        return found
    read = pl.Series([_date(value) for value in left], dtype=pl.Int64)
    return pl.select(pl.coalesce(found, text.replace_strict(left, read, default=None))).to_series()


def given_formats(forms: Sequence[str] | str) -> list[str]:
    """The formats that a user gave, one or several; an empty one is none."""
    return [form for form in as_list(forms) if form]


def _parsed(text: pl.Series, form: str) -> pl.Series:
    try:
        return text.to_frame().select(_moment(pl.all(), form)).to_series()
    except pl.exceptions.ComputeError:  # a format without a time of day
        return text.to_frame().select(_day(pl.all(), form)).to_series()


def _moment(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_datetime(form, strict=False, time_unit="ms", time_zone="UTC").dt.epoch("ms")


def _day(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_date(form, strict=False).cast(pl.Datetime("ms")).dt.epoch("ms")


@lru_cache(maxsize=100_000)
def _date(text: str) -> int | None:
    """A date as Unix milliseconds; None where day, month or year is missing, or day and month may be in either order.

    Dates with dots, such as 31.12.2024, begin with the day wherever they are used.
    """
    if found := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, time = found.groups()
        time = time and f"T{_BEFORE_OFFSET.sub('', time)}"
        try:
            return _as_ms(datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}{time}"))
        except ValueError:  # also 2014-13-05, in which dateutil would swap month and day
            return None
    read = moments(text)
    return read["day_first"] if len(set(read.values())) == 1 else None


def moments(text: str) -> dict[str, int]:
    """The readings of a date as Unix milliseconds: with the day first and, without dots, with the month first.

    Empty where day, month or year is missing.
    """
    from dateutil import parser

    dotted = _DOTTED.match(text)
    if dotted and int(dotted[1]) > MONTHS:
        return {}
    defaults = datetime(2001, 1, 1), datetime(2002, 2, 2)
    found: dict[str, int] = {}
    for order in ("day_first",) if dotted else ("day_first", "month_first"):
        try:
            read = {
                _as_ms(parser.parse(text, default=default, dayfirst=order == "day_first", tzinfos=_ZONES))
                for default in defaults
            }
        except (ValueError, OverflowError, TypeError):
            return {}
        if len(read) > 1:
            return {}
        found[order] = read.pop()
    return found


def _as_ms(moment: datetime) -> int:
    """Milliseconds, truncated as in polars; without a zone, UTC."""
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // timedelta(milliseconds=1)


def with_one_unit(rows: pl.LazyFrame, name: str, unit: str, log: ReadLog) -> pl.LazyFrame:
    """Convert a column's numbers, which ``casts.typed`` left in ``<name>_as_number``, to times.

    Args:
        rows: With the columns ``name`` (ms, from dates), ``<name>_as_number`` and ``<name>_unreadable``.
        name: Of the column.
        unit: A key of UNITS_PER_MS; empty to recognise it.
        log: Gets the unit, and the number of values that are not times.

    Raises:
        InputError: No unit is plausible for the numbers, or more than one.
    """
    if unit and unit not in UNITS_PER_MS:
        raise InputError(f"no time unit {unit!r}; allowed are {', '.join(UNITS_PER_MS)}")
    number = pl.col(f"{name}_as_number")
    counts = rows.select(
        *(_is(form, number).sum().alias(form) for form in FORMS), n=number.count(), low=number.min(), high=number.max()
    ).collect(engine="streaming")
    row = counts.row(0, named=True)
    if not row["n"]:
        return rows.drop(f"{name}_as_number")
    form = unit or _only_form(row, name)
    plausible = number.is_between(0, LAST_MS * UNITS_PER_MS[unit]) if unit else _is(form, number)
    n_wrong = rows.select((number.is_not_null() & ~plausible).sum()).collect(engine="streaming").item()
    if n_wrong:
        example = f"between {row['low']:.0f} and {row['high']:.0f}, not {_named(form)}"
        log.add_unreadable(name, int(n_wrong), example, "numbers")
    log.assume(name, f"numbers are {_named(form)}")
    read = pl.when(plausible).then(_ms(form, number))
    wrong = pl.when(number.is_not_null() & ~plausible).then(number.cast(pl.String).str.strip_suffix(".0"))
    return rows.with_columns(
        pl.coalesce(name, read).alias(name), pl.coalesce(f"{name}_unreadable", wrong).alias(f"{name}_unreadable")
    ).drop(f"{name}_as_number")


def _only_form(counts: dict[str, float], name: str) -> str:
    present = [form for form in FORMS if counts[form]]
    seen = f"{name} has numbers from {counts['low']:.0f} to {counts['high']:.0f}"
    how = f"give the unit: --time-unit {', '.join(UNITS_PER_MS)}"
    if not present:
        raise InputError(f"{seen}, which are Unix times in no unit (1973 to 2099 are plausible); {how}")
    if len(present) > 1:
        mixed = " and ".join(f"{counts[form]:,} look like {_named(form)}" for form in present)
        raise InputError(f"{seen}: {mixed}; one column has one unit; make them alike, or {how}")
    return present[0]


def _is(form: str, number: pl.Expr) -> pl.Expr:
    """Whether a number is plausible in a form; no number is plausible in two."""
    if form in UNITS_PER_MS:
        factor = UNITS_PER_MS[form] * 1000
        return number.is_between(FIRST_S * factor, LAST_S * factor).fill_null(False)
    low, high = (1900, 2099) if form == "year" else (19_000_101, 20_991_231)
    whole = number.is_between(low, high) & (number == number.floor())
    return (whole & _ms(form, number).is_not_null()).fill_null(False)


def _ms(form: str, number: pl.Expr) -> pl.Expr:
    if form in UNITS_PER_MS:
        return (number / UNITS_PER_MS[form]).round().cast(pl.Int64, strict=False)
    day = number * 10_000 + 101 if form == "year" else number
    return _day(day.cast(pl.Int64, strict=False).cast(pl.String), "%Y%m%d")


def _named(form: str) -> str:
    return {"date": "dates such as 20200913", "year": "years"}.get(form, f"Unix times in {form}")


def check_formats(forms: Sequence[str] | str) -> None:
    """Check that formats are those of dates.

    Raises:
        InputError: One does not name day, month and year.
    """
    for form in given_formats(forms):
        _check_format(form)


def _check_format(form: str) -> None:
    parts: Sequence[tuple[str, ...]] = (("%Y", "%y"), ("%m", "%b", "%B"), ("%d", "%e"))
    if not any(whole in form for whole in ("%F", "%D", "%s")):
        lacking = [names[0] for names in parts if not any(name in form for name in names)]
        if lacking:
            raise InputError(
                f"--time-format {form!r} has no {', '.join(lacking)}; give a format such as %d/%m/%Y %H:%M"
            )
