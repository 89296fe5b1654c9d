"""Text columns to ids, numbers and times: the only place where a value gets its meaning, whatever the format.

An id is stripped of white space around it and is in canonical Unicode (NFC), and an integral number is its integer: 7, 7.0
and 7e+0 are "7". An optional value that cannot be read is counted and becomes null; only a missing required value makes a
line malformed.
"""

import json
import re
from collections.abc import Sequence

import polars as pl

from unlike.data.tables.day_order import readings
from unlike.data.tables.fields import Field, Reading, as_text, number_as_text
from unlike.data.tables.log import ReadLog
from unlike.data.tables.markup import cleaned, without_markup
from unlike.data.tables.times import dates, given_formats
from unlike.records import canonical_id

_INTEGRAL = r"^([+-]?[0-9]+)\.0*$"
_EXPONENT = r"^[+-]?[0-9](?:\.[0-9]+)?[eE]\+[0-9]{1,3}$"
"""As pandas and JSON write large numbers; "12e5" without the sign may be a name."""
_NUMBER = r"[+-]?\d+(?:[.,]\d+)?"
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:[,\u00a0\u202f ']\d{3})+(?:\.\d+)?")
_OUT_OF = re.compile(rf"({_NUMBER})(?:\s*(?:/|out of|of|stars?\b)\s*(?:{_NUMBER})?\s*(?:stars?)?)?", re.IGNORECASE)
_STARS = re.compile(r"[★⭐☆½\ufe0f\s]+")


def typed(raw: pl.DataFrame, fields: Sequence[Field], reading: Reading, log: ReadLog) -> pl.DataFrame:
    """Cast text columns to their kinds.

    Args:
        raw: A text column per field, by the field's name; other columns are kept.
        fields: What the columns must hold.
        reading: Format of times, and whether markup is kept.
        log: Counts values that cannot be read.

    Returns:
        The frame with its columns cast, beside each time ``<name>_as_number``, ``<name>_unreadable`` (the text that is no
        time) and the columns of ``day_order.readings``, and a column ``reason``: null where the line is usable.
    """
    reasons = [pl.lit(None, dtype=pl.String)]
    columns: list[pl.Series] = []
    for field in fields:
        made = _cast(raw[field.name], field, reading, log)
        columns += made
        if field.required:
            present = pl.col(field.name).str.strip_chars() != ""
            reasons.append(pl.when(~present.fill_null(False)).then(pl.lit(reason_of_absence(field))))
    return raw.with_columns(*columns).with_columns(reason=pl.coalesce(reasons))


def reason_of_absence(field: Field) -> str:
    """Why a line without a required field is malformed."""
    return f"no {' or '.join(field.keys)}"


def _cast(text: pl.Series, field: Field, reading: Reading, log: ReadLog) -> list[pl.Series]:
    if field.kind == "id":
        return [ids(text)]
    if field.kind == "list":
        text = pl.Series(text.name, [as_text(one, "list") for one in text], dtype=pl.String)
    if field.kind in ("text", "prose", "list"):
        return [text if reading.keep_markup else _clean(text, field, log)]
    text = text.to_frame().select(pl.all().str.strip_chars().replace("", None)).to_series()
    if field.kind == "number":
        number = numbers(text)
        _count_unreadable(_unread(text, number), log)
        return [number]
    number = plain_numbers(text)
    forms = given_formats(reading.time_format)
    if forms:
        number = number.clear(len(number))
    words = _unread(text, number)
    moment = dates(words, forms)
    either = readings(words.clear(len(words)) if forms else words, moment, log)
    unreadable = _unread(words, moment)
    _count_unreadable(_unread(unreadable, either[0]), log)
    return [
        moment, number.alias(f"{field.name}_as_number"), unreadable.alias(f"{field.name}_unreadable"), *either
    ]  # fmt: skip


def _unread(text: pl.Series, value: pl.Series) -> pl.Series:
    """The texts that have no value yet; null for the others."""
    both = pl.DataFrame({"text": text, "value": value})
    return both.select(pl.when(pl.col("value").is_null()).then("text").alias(text.name)).to_series()


def _count_unreadable(text: pl.Series, log: ReadLog) -> None:
    if n := text.count():
        log.add_unreadable(text.name, n, repr(text.drop_nulls()[0][:40]))


def _clean(text: pl.Series, field: Field, log: ReadLog) -> pl.Series:
    if field.kind == "list":
        return _clean_list(text)
    clean, n = cleaned(text)
    log.n_cleaned += n
    return clean


def _clean_list(text: pl.Series) -> pl.Series:
    """A column of JSON lists without the markup in their texts."""
    suspect = text.str.contains("[<&]")
    if not suspect.any():
        return text
    lists = [[without_markup(one) for one in json.loads(texts)] for texts in text.filter(suspect)]
    new = pl.Series([json.dumps(texts, ensure_ascii=False) for texts in lists], dtype=pl.String)
    return text.scatter(suspect.arg_true(), new)


def ids(text: pl.Series) -> pl.Series:
    """Ids without white space around them, in canonical Unicode (NFC); an integral number is its integer."""
    plain = text.to_frame().select(pl.all().str.strip_chars().str.replace(_INTEGRAL, "$1")).to_series()
    beyond_ascii = plain.str.contains(r"[^\x00-\x7f]")
    if beyond_ascii.any():
        canonical = [canonical_id(one) for one in plain.filter(beyond_ascii)]
        plain = plain.scatter(beyond_ascii.arg_true(), pl.Series(canonical, dtype=pl.String))
    if not plain.str.contains(r"^-|\+").any():
        return plain
    plain = plain.str.replace(r"^-0$", "0")
    large = plain.str.contains(_EXPONENT)
    found = [number_as_text(float(number)) for number in plain.filter(large)]
    return plain.scatter(large.arg_true(), pl.Series(found, dtype=pl.String)) if found else plain


def plain_numbers(text: pl.Series) -> pl.Series:
    """Texts as finite numbers, null where a text is no number."""
    value = pl.all().cast(pl.Float64, strict=False)
    return text.to_frame().select(pl.when(value.is_finite()).then(value)).to_series()


def numbers(text: pl.Series) -> pl.Series:
    """Texts as finite numbers, also in the forms of ``number_in``; null where a text is no number."""
    value = plain_numbers(text)
    if value.null_count() == text.null_count():
        return value
    left = _unread(text, value).drop_nulls().unique()
    read = pl.Series([number_in(one) for one in left], dtype=pl.Float64)
    return pl.select(pl.coalesce(value, text.replace_strict(left, read, default=None))).to_series()


def number_in(text: str) -> float | None:
    """The number of "1,234", "4,5", "4/5", "4.0 out of 5 stars" or "★★★★☆"; None where there is none."""
    text = text.strip()
    if _THOUSANDS.fullmatch(text):
        return float(re.sub(r"[^\d.+-]", "", text))
    if text and _STARS.fullmatch(text):
        return text.count("★") + text.count("⭐") + 0.5 * text.count("½")
    found = _OUT_OF.fullmatch(text)
    return float(found[1].replace(",", ".")) if found else None
