"""What a column must hold, and the casts that hold it to that.

Every format hands over text columns; the casts here are the only place where text becomes numbers and times, so a
review means the same in JSON, CSV and Parquet.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

Kind = Literal["id", "text", "number", "time", "prose", "list"]
"""What a column holds.

An ``id`` is never empty, ``time`` is Unix seconds, Unix milliseconds or an ISO date, ``prose`` is a text or a list of
paragraphs.
"""

FIRST_MS = 1e11
"""Times from here on count as milliseconds (it is March 1973), smaller ones as seconds (until the year 5138)."""

DESCRIPTION_HEADING = "Product Description"
"""Amazon's metadata of 2023 often opens the list of paragraphs with this heading, or holds nothing but it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a table.

    Attributes:
        name: What this library calls it.
        keys: What the file may call it; the first one that holds a value counts.
        kind: What it holds.
        required: A line without it is malformed.
        expected: A file in which no line has it is an error; for columns that a user named.
    """

    name: str
    keys: tuple[str, ...]
    kind: Kind = "text"
    required: bool = False
    expected: bool = False


def as_text(value: Any, kind: Kind) -> str | None:  # noqa: ANN401 - whatever a JSON line holds
    """A decoded value as the text from which ``typed`` casts.

    Raises:
        ValueError: A value of this type cannot be of this kind.
    """
    if value is None:
        return None
    if kind == "prose" and isinstance(value, list):
        return prose(value)
    if kind == "list":
        return json.dumps(flat(value), ensure_ascii=False)
    if isinstance(value, list | dict):
        raise ValueError(f"a {type(value).__name__}, not {'text' if kind == 'prose' else f'a {kind}'}")
    return value if isinstance(value, str) else json.dumps(value)


def prose(paragraphs: Sequence[Any]) -> str:
    """Paragraphs as one text, without Amazon's heading."""
    texts = [str(paragraph) for paragraph in paragraphs if paragraph is not None]
    return " ".join(texts[1:] if texts[:1] == [DESCRIPTION_HEADING] else texts)


def flat(value: Any) -> list[str]:  # noqa: ANN401
    """The texts in nested lists, each once, in their order; a text is a list separated by ", "."""
    if isinstance(value, str):
        return [part for part in value.split(", ") if part]
    if isinstance(value, list):
        return list(dict.fromkeys(text for part in value for text in ([part] if isinstance(part, str) else flat(part))))
    return [] if value is None else [str(value)]


def typed(raw: pl.DataFrame, fields: Sequence[Field]) -> pl.DataFrame:
    """Cast text columns to their kinds.

    Args:
        raw: A text column a field, by the field's name, and whatever else came along.
        fields: What the columns must hold.

    Returns:
        The frame with its columns cast and a column ``reason``: null where the line is usable.
    """
    casts = {"number": numbers, "time": times}
    reasons = [pl.lit(None, dtype=pl.String)]
    columns: list[pl.Series] = []
    for field in fields:
        text = raw[field.name]
        if field.required:
            absent = text.is_null() | (text == "") if field.kind == "id" else text.is_null()
            reasons.append(pl.when(pl.lit(absent)).then(pl.lit(f"no {' or '.join(field.keys)}")))
        if field.kind in casts:
            text = text.str.strip_chars().replace("", None)
            value = casts[field.kind](text)
            wrong = pl.lit(value.is_null() & text.is_not_null())
            reasons.append(pl.when(wrong).then(pl.format(f"{field.name} is no {field.kind}: {{}}", text.str.head(40))))
            columns.append(value.alias(field.name))
    return raw.with_columns(*columns, reason=pl.coalesce(reasons))


def numbers(text: pl.Series) -> pl.Series:
    """Texts as finite numbers, null where they are none."""
    value = text.cast(pl.Float64, strict=False)
    return value.set(~value.is_finite(), None)


def times(text: pl.Series) -> pl.Series:
    """Texts as Unix milliseconds, null where they are no times. Dates without a zone count as UTC."""
    value = numbers(text)
    stamp = pl.select(pl.when(value.abs() < FIRST_MS).then(value * 1000).otherwise(value).round()).to_series()
    stamp = stamp.cast(pl.Int64, strict=False)
    return stamp if stamp.null_count() == text.null_count() else stamp.zip_with(stamp.is_not_null(), _dates(text))


def _dates(text: pl.Series) -> pl.Series:
    plain = text.str.replace("T", " ", literal=True).str.replace("Z$", "+00:00")
    parsed = pl.select(
        pl.coalesce(
            plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="ms").dt.epoch("ms"),
            plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", strict=False, time_unit="ms").dt.epoch("ms"),
            plain.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("ms")).dt.epoch("ms"),
        )
    )
    return parsed.to_series()
