"""What a column must hold, and the conversion of decoded values to texts, from which ``casts`` makes numbers and times.

Every format yields text columns, so a value means the same in JSON, CSV and Parquet.
"""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kind = Literal["id", "text", "number", "time", "prose", "list"]
"""What a column holds: ``prose`` is a text or a list of paragraphs, ``time`` whatever ``times`` reads."""

DESCRIPTION_HEADING = "Product Description"
"""Amazon's metadata of 2023 often opens the list of paragraphs with this heading, or holds nothing but it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a table.

    Attributes:
        name: What this library calls it.
        keys: The file's names for it; the first one with a value counts. ``item.title`` is the key ``title`` of the
            object ``item``.
        kind: What it holds.
        required: A line without it is malformed.
        expected: It is an error if no line has it; for columns that a user named.
        optional: A source in which no line has it counts as one without it; for columns that are looked for by our name.
    """

    name: str
    keys: tuple[str, ...]
    kind: Kind = "text"
    required: bool = False
    expected: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Options for reading files; what is empty is detected and noted in the manifest.

    Attributes:
        encoding: Of text files, such as cp1252 or utf-16.
        delimiter: Between the cells of a CSV file.
        time_unit: Of numeric times: a key of ``times.UNITS_PER_MS``.
        time_format: Of dates, for ``strptime``, such as %d/%m/%Y; of several the first that fits a value counts.
        keep_markup: Whether HTML tags and entities are kept in the texts.
        max_malformed: The maximum share of malformed lines.
    """

    encoding: str = ""
    delimiter: str = ""
    time_unit: str = ""
    time_format: str | tuple[str, ...] = ()
    keep_markup: bool = False
    max_malformed: float = 0.1


DEFAULT_READING = Reading()
"""Everything is detected."""
LEFT_OUT = "-"
"""In place of a column's name: do not read it."""


def how_to_map(fields: Sequence[Field]) -> str:
    """The command's option that names columns; "" for a published data set, whose columns are known."""
    if not any(field.expected or field.optional for field in fields):
        return ""
    return f" ({_option(fields)} FIELD=COLUMN)"


def how_to_leave_out(fields: Sequence[Field], empty: Sequence[Field]) -> str:
    """The command's options that leave empty columns out."""
    return " ".join(f"{_option(fields)} {field.name}={LEFT_OUT}" for field in empty)


def _option(fields: Sequence[Field]) -> str:
    return "--map" if any(field.name == "user_id" for field in fields) else "--item-map"


def as_text(value: object, kind: Kind) -> str | None:
    """A decoded value as text; None where it is empty.

    Raises:
        ValueError: A value of this type cannot be of this kind.
    """
    if kind == "list":
        return None if value is None else json.dumps(flat(value), ensure_ascii=False)
    if kind == "prose" and isinstance(value, list | dict):
        return prose(value)
    if isinstance(value, list | dict):
        raise ValueError(f"a {type(value).__name__}, not {'text' if kind == 'prose' else f'a {kind}'}")
    if isinstance(value, float):
        return number_as_text(value)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def number_as_text(value: float) -> str | None:
    """A number as text, without exponent, and without decimal point where it is integral; None for NaN and infinity."""
    if not math.isfinite(value):
        return None
    return str(int(value)) if value == int(value) else format(Decimal(repr(value)), "f")


def prose(paragraphs: object) -> str:
    """Paragraphs, nested or not, as one text, without Amazon's heading."""
    texts = list(_leaves(paragraphs))
    return " ".join(texts[1:] if texts[:1] == [DESCRIPTION_HEADING] else texts)


def flat(value: object) -> list[str]:
    """The texts in nested lists, each once, in their order; a text is a JSON list, or a list separated by ", "."""
    if isinstance(value, str) and value.startswith("["):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if isinstance(value, str):
        return [part for part in value.split(", ") if part]
    return list(dict.fromkeys(_leaves(value)))


def _leaves(value: object) -> Iterator[str]:
    """The texts in nested lists and objects."""
    if isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    elif value is not None:
        yield str(value)
