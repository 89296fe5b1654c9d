"""Which columns of which data set mean what.

A source is data, not code: a name, the files, and a list of fields for each. What a source does not have (Yelp's
reviews have no titles) is a field it does not list, and the rules about that field do not apply to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unlike.data.tables.fields import Field, Kind
from unlike.errors import InputError


@dataclass(frozen=True, slots=True)
class Source:
    """Raw files and how to read them.

    Attributes:
        name: What the manifest calls it.
        records: The file (or folder of files) with the texts.
        record_fields: Its columns. ``item_title`` and ``item_description`` may be among them.
        items: The file with the items; None where the records carry all that is known of them.
        item_fields: Its columns.
    """

    name: str
    records: Path
    record_fields: tuple[Field, ...]
    items: Path | None = None
    item_fields: tuple[Field, ...] = ()

    def has(self, name: str) -> bool:
        """Whether records have a field of that name."""
        return any(field.name == name for field in self.record_fields)

    def items_have(self, name: str) -> bool:
        """Whether items have a field of that name, from their own file or from the records."""
        return any(field.name == name for field in self.item_fields) or self.has(f"item_{name}")

    def facts(self) -> dict[str, object]:
        """What the manifest keeps of it: no paths, which would differ from machine to machine."""
        return {
            "name": self.name,
            "records": self.records.name,
            "items": self.items.name if self.items else None,
            "columns": {field.name: "|".join(field.keys) for field in self.record_fields},
            "item_columns": {field.name: "|".join(field.keys) for field in self.item_fields},
        }


def amazon_2023(reviews: Path, items: Path) -> Source:
    """Amazon Reviews 2023: reviews and metadata of one category, JSONL, JSONL.gz or Parquet."""
    return Source(
        "amazon-2023",
        reviews,
        (
            Field("user_id", ("user_id",), "id", required=True),
            Field("item_id", ("parent_asin", "asin"), "id", required=True),
            *_review("title", "text", "rating", "timestamp"),
        ),
        items,
        (
            Field("item_id", ("parent_asin", "asin"), "id", required=True),
            Field("title", ("title",)),
            Field("description", ("description",), "prose"),
            Field("categories", ("categories",), "list"),
            Field("rating_number", ("rating_number",), "number"),
        ),
    )


def amazon_2014(reviews: Path, items: Path) -> Source:
    """Amazon product data of 2014 with its original keys, or renamed to those of 2023."""
    return Source(
        "amazon-2014",
        reviews,
        (
            Field("user_id", ("user_id", "reviewerID"), "id", required=True),
            Field("item_id", ("asin",), "id", required=True),
            *_review("title|summary", "text|reviewText", "rating|overall", "timestamp|unixReviewTime"),
        ),
        items,
        (
            Field("item_id", ("asin",), "id", required=True),
            Field("title", ("title",)),
            Field("description", ("description",), "prose"),
            Field("categories", ("categories", "category"), "list"),
        ),
    )


def yelp(reviews: Path, items: Path) -> Source:
    """Yelp's open data set: reviews without titles, businesses without descriptions."""
    return Source(
        "yelp",
        reviews,
        (
            Field("record_id", ("review_id",), "id", required=True),
            Field("user_id", ("user_id",), "id", required=True),
            Field("item_id", ("business_id",), "id", required=True),
            Field("text", ("text",), required=True),
            Field("rating", ("stars",), "number"),
            Field("timestamp", ("date",), "time"),
        ),
        items,
        (
            Field("item_id", ("business_id",), "id", required=True),
            Field("title", ("name",)),
            Field("categories", ("categories",), "list"),
        ),
    )


def _review(title: str, text: str, rating: str, timestamp: str) -> tuple[Field, ...]:
    return (
        Field("title", tuple(title.split("|"))),
        Field("text", tuple(text.split("|")), required=True),
        Field("rating", tuple(rating.split("|")), "number"),
        Field("timestamp", tuple(timestamp.split("|")), "time"),
    )


RECORD_COLUMNS: dict[str, Kind] = {
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
ITEM_COLUMNS: dict[str, Kind] = {
    "item_id": "id",
    "title": "text",
    "description": "prose",
    "categories": "list",
    "rating_number": "number",
}


def table(
    records: Path,
    columns: Mapping[str, str] | None = None,
    items: Path | None = None,
    item_columns: Mapping[str, str] | None = None,
) -> Source:
    """Any table of texts.

    Args:
        records: JSONL, CSV, TSV or Parquet.
        columns: The file's column for each of ours: user_id, item_id and text must be there or be called so in the
            file; record_id, title, rating, timestamp, item_title, item_description may.
        items: A table of the items.
        item_columns: Its columns, likewise: item_id must be there; title, description, categories, rating_number may.

    Raises:
        InputError: A name is not one of ours.
    """
    chosen = {name: name for name in ("user_id", "item_id", "text")} | dict(columns or {})
    of_items = {"item_id": "item_id"} | dict(item_columns or {}) if items else {}
    return Source("table", records, _mapped(chosen, RECORD_COLUMNS), items, _mapped(of_items, ITEM_COLUMNS))


def _mapped(columns: Mapping[str, str], allowed: Mapping[str, Kind]) -> tuple[Field, ...]:
    if unknown := [name for name in columns if name not in allowed]:
        raise InputError(f"unknown column to map: {', '.join(unknown)}; allowed are {', '.join(allowed)}")
    return tuple(
        Field(name, (key,), kind := allowed[name], required=kind == "id" or name == "text", expected=True)
        for name, key in columns.items()
    )
