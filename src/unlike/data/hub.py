"""The processed form that DPL's authors published (DPL-main, DPL-Yelp and DPL-meta), from the hub or a saved folder.

It comes curated and split, so cases are taken as they are; the records are the union of all profiles and targets.
A history is then everything the user has before the case, which is what those profiles hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from unlike.data.corpus import Corpus
from unlike.data.folder import SPLITS
from unlike.data.tables.fields import prose
from unlike.data.tables.times import dates
from unlike.errors import InputError, MissingPart, how_to_install
from unlike.records import Case, Item, Record, case_of

SPLIT_NAMES = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
ITEM_IDS = ("asin", "business_id", "item_id", "parent_asin")
"""The data sets' columns for an item's id."""

Row = Mapping[str, Any]


def dpl_hub(main: str, meta: str | None = None, category: str | None = None) -> Corpus:
    """Load a category of DPL-main and DPL-meta, or DPL-Yelp, whose texts have neither titles nor categories.

    Args:
        main: A hub id such as SnowCharmQ/DPL-main, or a folder that ``datasets`` saved.
        meta: Likewise, of the items; None where the rows themselves name them, as DPL-Yelp's do.
        category: Books, CDs_and_Vinyl or Movies_and_TV; a subfolder of the folders, where these have some.

    Raises:
        InputError: There is no such data set, or its rows have other keys.
        MissingPart: The ``datasets`` library is not installed.
    """
    records: dict[str, Record] = {}
    named: dict[str, Item] = {}
    cases: list[Case] = []
    for name, rows in _load(main, category).items():
        if name not in SPLIT_NAMES:
            raise InputError(f"{main} has a split {name!r}; allowed are {', '.join(SPLIT_NAMES)}; give DPL-main first")
        for row in rows:
            own, target = _records(row, f"{main}, split {name}")
            if meta is None:
                named |= {item.id: item for item in map(_named_item, (*row["profile"], row["data"]))}
            records |= {record.id: record for record in (*own, target) if record.id not in records}
            cases.append(case_of(target, SPLIT_NAMES[name]))
    described = _described(meta, category) if meta else named
    items = [described.get(id_) or Item(id_) for id_ in dict.fromkeys(record.item_id for record in records.values())]
    cases.sort(key=lambda case: (SPLITS.index(case.split), case.user_id, case.moment))
    source = {
        "name": "dpl-hub",
        "main": Path(main).name,
        "meta": Path(meta).name if meta else None,
        "category": category,
    }
    corpus = Corpus(records.values(), items, cases)
    return Corpus(corpus.records(), corpus.items(), cases, manifest={**corpus.manifest, "source": source})


def _described(meta: str, category: str | None) -> dict[str, Item]:
    items = (_item(row, meta) for rows in _load(meta, category).values() for row in rows)
    return {item.id: item for item in items}


def _named_item(entry: Row) -> Item:
    """The item as a text's own row names it."""
    return Item(str(_first(entry, ITEM_IDS)), str(_first(entry, ("business_name", "name", "item_title"), "")))


def _load(name: str, category: str | None) -> dict[str, Iterable[Row]]:
    try:
        import datasets
    except ImportError as error:
        raise MissingPart(f"the datasets library is not installed; {how_to_install('hub')}") from error
    folder = Path(name)
    if category and (folder / category).is_dir():
        folder = folder / category
    try:
        loaded: Any = datasets.load_from_disk(str(folder)) if folder.is_dir() else datasets.load_dataset(name, category)
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(
            f"cannot load {name} ({category or 'no category'}): {reason}; check name and category"
        ) from error
    if not isinstance(loaded, dict):
        raise InputError(f"{name} is one split, not a data set with splits; give the folder above it")
    return loaded


def _records(row: Row, where: str) -> tuple[list[Record], Record]:
    """The profile and the target of a row."""
    try:
        user_id = str(row["user_id"])
        return [_record(user_id, entry) for entry in row["profile"]], _record(user_id, row["data"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"a row of {where} is not of DPL-main's form ({error}); it needs user_id, profile and data, each text with "
            f"{' or '.join(ITEM_IDS)} and text, and optionally rating, timestamp and title"
        ) from error


def _record(user_id: str, entry: Row) -> Record:
    item_id, rating = str(_first(entry, ITEM_IDS)), _first(entry, ("rating", "stars"), None)
    return Record(
        id=f"{user_id}:{item_id}",
        user_id=user_id,
        item_id=item_id,
        text=entry["text"],
        title=entry.get("title") or "",
        rating=None if rating is None else float(rating),
        timestamp=_ms(_first(entry, ("timestamp", "date"), 0)),
    )


def _first(entry: Row, names: Sequence[str], default: object = ...) -> Any:  # noqa: ANN401 - a row holds whatever the data set has
    """The first value that is not None.

    Raises:
        KeyError: All are None, and there is no default.
    """
    found = next((entry[name] for name in names if entry.get(name) is not None), default)
    if found is ...:
        raise KeyError(names[0])
    return found


def _ms(value: object) -> int:
    """Milliseconds of a number, which are Unix milliseconds already, or of a date."""
    if isinstance(value, int | float):
        return int(value)
    found = dates(pl.Series([value.isoformat() if isinstance(value, datetime) else str(value)]))[0]
    if found is None:
        raise ValueError(f"{value!r} is not a time")
    return int(found)


def _item(row: Row, where: str) -> Item:
    try:
        if row.keys().isdisjoint(("title", "name")):
            raise KeyError("title")
        title, description = _first(row, ("title", "name"), ""), _first(row, ("description",), "")
        return Item(
            str(_first(row, ITEM_IDS)), title, description if isinstance(description, str) else prose(description)
        )
    except KeyError as error:
        raise InputError(f"a row of {where} has no {error}; DPL-meta has asin, title, description") from error
