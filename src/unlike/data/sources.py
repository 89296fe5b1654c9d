"""Which columns of which data set mean what.

A source is data, not code: a name, the files, and a list of fields for each. What a source does not have (Yelp's
reviews have no titles) is a field it does not list, and the rules about that field do not apply to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from unlike.data.tables.fields import LEFT_OUT, Field, Kind, Reading
from unlike.errors import InputError
from unlike.settings import as_path


@dataclass(frozen=True, slots=True)
class Source:
    """Raw files and how to read them.

    Attributes:
        name: What the manifest calls it.
        records: The file (or folder of files) with the texts.
        record_fields: Its columns. ``item_title`` and ``item_description`` may be among them.
        items: The file with the items; None where the records carry all that is known of them.
        item_fields: Its columns.
        reading: Encoding, delimiter, units and other options that the user gave.
    """

    name: str
    records: Path
    record_fields: tuple[Field, ...]
    items: Path | None = None
    item_fields: tuple[Field, ...] = ()
    reading: Reading = Reading()

    def has(self, name: str) -> bool:
        """Whether records have a field of that name."""
        return any(field.name == name for field in self.record_fields)

    def items_have(self, name: str) -> bool:
        """Whether items have a field of that name, from their own file or from the records."""
        return any(field.name == name for field in self.item_fields) or self.has(f"item_{name}")

    def without_empty(self, records: pl.LazyFrame, items: pl.LazyFrame) -> "Source":
        """This source without the optional fields that no line has.

        Args:
            records: Its texts, with a column per field.
            items: Its items, likewise.
        """
        return replace(
            self,
            record_fields=_with_values(self.record_fields, records),
            item_fields=_with_values(self.item_fields, items),
        )

    def facts(self) -> dict[str, object]:
        """What the manifest keeps of it: no paths, which would differ from machine to machine."""
        return {
            "name": self.name,
            "records": self.records.name,
            "items": self.items.name if self.items else None,
            "columns": {field.name: "|".join(field.keys) for field in self.record_fields},
            "item_columns": {field.name: "|".join(field.keys) for field in self.item_fields},
        }


NEEDED = ("user_id", "item_id", "text")
OTHER_KEYS = {"item_title": ("item.title",), "item_description": ("item.description",)}
"""Further names of columns that a user did not name: JSON lines may have an object for the item."""
RECORD_KINDS: dict[str, Kind] = {
    "user_id": "id",
    "item_id": "id",
    "text": "text",
    "record_id": "id",
    "title": "text",
    "rating": "number",
    "timestamp": "time",
    "item_title": "text",
    "item_description": "prose",
}
ITEM_KINDS: dict[str, Kind] = {
    "item_id": "id",
    "title": "text",
    "description": "prose",
    "categories": "list",
    "rating_number": "number",
}


def _with_values(fields: tuple[Field, ...], rows: pl.LazyFrame) -> tuple[Field, ...]:
    optional = [field.name for field in fields if field.optional]
    counts = rows.select(pl.col(name).count() for name in optional).collect().row(0) if optional else ()
    empty = {name for name, n in zip(optional, counts, strict=True) if not n}
    return tuple(field for field in fields if field.name not in empty)


def _source(
    name: str, reviews: Path, columns: Mapping[str, str], items: Path | None, item_columns: Mapping[str, str]
) -> Source:
    """A published data set, from its columns for each of ours."""
    return Source(
        name, reviews, _fields(RECORD_KINDS, columns), items, _fields(ITEM_KINDS, item_columns if items else {})
    )


def _fields(kinds: Mapping[str, Kind], columns: Mapping[str, str]) -> tuple[Field, ...]:
    """Fields by the data set's columns; a column that is called otherwise in another version follows after "|"."""
    return tuple(
        Field(name, tuple(keys.split("|")), kinds[name], required=kinds[name] == "id" or name == "text")
        for name, keys in columns.items()
    )


def amazon_2023(reviews: Path, items: Path | None = None) -> Source:
    """Amazon Reviews 2023: reviews and metadata of one category, JSON lines or Parquet."""
    ours = {"item_id": "parent_asin|asin", "title": "title"}
    records = {"user_id": "user_id", **ours, "text": "text", "rating": "rating", "timestamp": "timestamp"}
    of_items = {**ours, "description": "description", "categories": "categories", "rating_number": "rating_number"}
    return _source("amazon-2023", reviews, records, items, of_items)


def amazon_2014(reviews: Path, items: Path | None = None) -> Source:
    """Amazon product data of 2014 or 2018 with its original keys, or renamed to those of 2023."""
    records = {
        "user_id": "user_id|reviewerID",
        "item_id": "asin",
        "title": "title|summary",
        "text": "text|reviewText",
        "rating": "rating|overall",
        "timestamp": "timestamp|unixReviewTime|reviewTime",
    }
    of_items = {
        "item_id": "asin", "title": "title", "description": "description", "categories": "categories|category",
    }  # fmt: skip
    return _source("amazon-2014", reviews, records, items, of_items)


def yelp(reviews: Path, items: Path | None = None) -> Source:
    """Yelp's open data set: reviews without titles, businesses without descriptions."""
    records = {
        "record_id": "review_id", "user_id": "user_id", "item_id": "business_id", "text": "text", "rating": "stars",
        "timestamp": "date",
    }  # fmt: skip
    of_items = {"item_id": "business_id", "title": "name", "categories": "categories"}
    return _source("yelp", reviews, records, items, of_items)


def goodreads(reviews: Path, items: Path | None = None) -> Source:
    """Goodreads' reviews, which have no titles, and books."""
    records = {
        "record_id": "review_id", "user_id": "user_id", "item_id": "book_id", "text": "review_text", "rating": "rating",
        "timestamp": "date_added",
    }  # fmt: skip
    of_items = {
        "item_id": "book_id", "title": "title|title_without_series", "description": "description",
        "rating_number": "ratings_count",
    }  # fmt: skip
    return _source("goodreads", reviews, records, items, of_items)


def table(
    records: Path | str,
    columns: Mapping[str, str] | None = None,
    items: Path | str | None = None,
    item_columns: Mapping[str, str] | None = None,
    reading: Reading | None = None,
) -> Source:
    """Any table of texts.

    Args:
        records: JSON lines or arrays, CSV, TSV or Parquet, plain or compressed, or a folder of them.
        columns: The file's column for each of ours that it calls otherwise: user_id, item_id and text must be there;
            record_id, title, rating, timestamp, item_title, item_description may. "-" leaves a column out.
        items: A table of the items.
        item_columns: Its columns, likewise: item_id must be there; title, description, categories, rating_number may.
        reading: Encoding, delimiter, units and other options; what is not given is detected.

    Raises:
        InputError: A name is not one of ours.
    """
    of_items = _mapped(item_columns or {}, ITEM_KINDS) if items else ()
    fields = _mapped(columns or {}, RECORD_KINDS)
    return Source("table", Path(records), fields, as_path(items), of_items, reading or Reading())


def _mapped(columns: Mapping[str, str], kinds: Mapping[str, Kind]) -> tuple[Field, ...]:
    if unknown := [name for name in columns if name not in kinds]:
        raise InputError(f"unknown column to map: {', '.join(unknown)}; allowed are {', '.join(kinds)}")
    if left_out := [name for name in NEEDED if columns.get(name) == LEFT_OUT]:
        raise InputError(f"{left_out[0]} cannot be left out; name its column")
    return tuple(
        Field(
            name,
            (columns[name],) if name in columns else (name, *OTHER_KEYS.get(name, ())),
            kind,
            required=name in NEEDED,
            expected=name in columns,
            optional=name not in columns and name not in NEEDED,
        )
        for name, kind in kinds.items()
        if columns.get(name) != LEFT_OUT
    )
