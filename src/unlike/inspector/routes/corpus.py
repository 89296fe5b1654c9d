"""A corpus as it lies on disk: its users and items in pages, what one user wrote or was written about one item, and maps.

The map of an item is the one that a service draws of its store, with vectors made of the texts here; the paths are the
service's, so that one page serves both. In a corpus everybody agreed to be compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.config import SelectorName, vector_file
from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.embed.open import open_encoder
from unlike.inspector.readers.workspace import Workspace
from unlike.inspector.routes.parameters import Here, Limit, Offset, Search, page, sent
from unlike.inspector.store.maps import MOST_TEXTS, USUAL, OnMap, drawn
from unlike.memory.settings import MemorySettings
from unlike.records import Item, Record, others_on
from unlike.serve.answers import json_response

router = APIRouter(prefix="/inspect/api/corpus", tags=["corpus"])
map_router = APIRouter(tags=["maps"])
Id = Annotated[str, Query(max_length=2_000)]
K = Annotated[int, Query(ge=1, le=20, description="How many others are chosen to be compared with")]


UserId = Annotated[str, Query(alias="user", max_length=2_000, description="Of the user")]
ItemId = Annotated[str, Query(alias="item", max_length=2_000, description="Of the item")]
Order = Literal["up", "down"]
LAST = (2**63 - 1, "")
"""A moment after all others."""


@router.get("")
def about(here: Here) -> Response:
    """Counts, time and where the corpus comes from."""
    corpus = here.corpus()
    records, manifest = corpus.records(), corpus.manifest
    return sent(
        {
            "n_users": len(corpus.users()),
            "n_items": len(corpus.items()),
            "n_records": len(records),
            "n_cases": _count_by_split(corpus),
            "first": records[0].timestamp if records else None,
            "last": records[-1].timestamp if records else None,
            "months": _by_month(records),
            "source": _named(manifest.get("source")),
            "hash": corpus.hash[:16],
        }
    )


@router.get("/users")
def users(
    here: Here,
    search: Search = "",
    sort: Literal["id", "records", "last"] = "id",
    order: Order = "up",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Response:
    """A page of users: records, items, first and last time."""
    corpus = here.corpus()
    listed = here.once(("users", corpus.hash), lambda: [_user(corpus, user) for user in corpus.users()])
    return _page(listed, search, sort, order, offset, limit)


@router.get("/items")
def items(
    here: Here,
    search: Search = "",
    sort: Literal["id", "title", "records", "last"] = "title",
    order: Order = "up",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Response:
    """A page of items: records, users, first and last time."""
    corpus = here.corpus()
    listed = here.once(("items", corpus.hash), lambda: [_item(corpus, item.id) for item in corpus.items()])
    return _page(listed, search, sort, order, offset, limit)


@router.get("/user")
def user(here: Here, user: UserId, offset: Offset = 0, limit: Limit = 20) -> Response:
    """What a user wrote, the latest first, and the cases made of it."""
    corpus = here.corpus()
    records, whole = page(list(reversed(corpus.history(user, LAST))), offset, limit)
    cases = [{"id": case.id, "split": case.split} for case in corpus.cases() if case.user_id == user]
    return sent(
        {**whole, "user_id": user, "cases": cases, "records": [with_title(corpus, record) for record in records]}
    )


@router.get("/item")
def item(here: Here, item: ItemId, offset: Offset = 0, limit: Limit = 20) -> Response:
    """What was written about an item, the latest first."""
    corpus = here.corpus()
    found = asdict(corpus.item(item))
    records, whole = page(list(reversed(corpus.peers(item, None))), offset, limit)
    return sent({**whole, "item": found, "records": [with_title(corpus, record) for record in records]})


def _page(listed: list[dict[str, Any]], search: str, sort: str, order: Order, offset: int, limit: int) -> Response:
    folded = search.casefold()
    fitting = [row for row in listed if not search or folded in f"{row['id']}\n{row.get('title', '')}".casefold()]
    fitting.sort(key=lambda row: (row[sort], row["id"]), reverse=order == "down")
    rows, whole = page(fitting, offset, limit)
    return sent({**whole, "rows": rows})


def _user(corpus: Corpus, user_id: str) -> dict[str, Any]:
    records = corpus.history(user_id, LAST)
    return {"id": user_id, "items": len({record.item_id for record in records}), **_counts(records)}


def _item(corpus: Corpus, item_id: str) -> dict[str, Any]:
    records = corpus.peers(item_id, None)
    users = len({record.user_id for record in records})
    return {"id": item_id, "title": corpus.item(item_id).title, "users": users, **_counts(records)}


def _counts(records: Iterable[Record]) -> dict[str, Any]:
    times = [record.timestamp for record in records]
    return {"records": len(times), "first": min(times, default=0), "last": max(times, default=0)}


def with_title(corpus: Corpus, record: Record) -> dict[str, Any]:
    """A record with the title of its item."""
    return asdict(record) | {"item_title": corpus.item(record.item_id).title}


def _count_by_split(corpus: Corpus) -> dict[str, int]:
    counts: dict[str, int] = {}
    for case in corpus.cases():
        counts[case.split] = counts.get(case.split, 0) + 1
    return counts


def _by_month(records: Iterable[Record]) -> list[tuple[int, int]]:
    """(start of a month in ms, records in it), where there are any; of long times the months are thirty days."""
    month_ms = 30 * 86_400_000
    counts: dict[int, int] = {}
    for record in records:
        start = record.timestamp // month_ms * month_ms
        counts[start] = counts.get(start, 0) + 1
    return sorted(counts.items())


def _named(source: object) -> str:
    return str(source.get("name", "")) if isinstance(source, Mapping) else ""  # pyright: ignore[reportUnknownArgumentType]


# Maps -----------------------------------------------------------------------------------------------------------------


@map_router.get("/v1/map")
def get_map(here: Here, user_id: Id, item_id: Id, k: K = 4, selector: SelectorName = "kmeans") -> Response:
    """All texts on an item as points in a plane, with their clusters and whom the user is compared with."""
    corpus = here.corpus()
    there = on_map(corpus, user_id, corpus.item(item_id), _encoder(here))
    return json_response(drawn(user_id, there, k, selector, MemorySettings()))


@map_router.get("/v1/map/differences")
def list_differences(user_id: Id, item_id: Id) -> Response:
    """Nothing: what runs found of a user stands on the pages of their cases."""
    return json_response({"rows": []})


@map_router.get("/v1/users/{user_id:path}/records")
def list_records(here: Here, user_id: str, offset: Offset = 0, limit: Limit = 50) -> Response:
    """A page of what a user wrote, the latest first."""
    corpus = here.corpus()
    records, whole = page(list(reversed(corpus.history(user_id, LAST))), offset, limit)
    return json_response({**whole, "rows": [with_title(corpus, record) for record in records]})


def on_map(corpus: Corpus, user_id: str, item: Item, encoder: Encoder) -> OnMap:
    """What a map of a corpus is drawn from: the latest text of each person on the item, the user's among them.

    Args:
        corpus: Whose texts.
        user_id: Who is compared; one who wrote nothing on the item stands at the mean of all own texts.
        item: What is written about.
        encoder: Of texts.
    """
    own = corpus.history(user_id, LAST)
    mine = next((record for record in reversed(own) if record.item_id == item.id), None)
    others = sorted(others_on(corpus, item.id, user_id, None), key=lambda record: record.moment, reverse=True)
    shown = [*([mine] if mine else []), *others[:MOST_TEXTS]]
    vectors = dict(zip([record.id for record in shown], encoder.encode([record.text for record in shown]), strict=True))
    if mine is None and own:
        mine = Record(USUAL, user_id, item.id, "")
        vectors[USUAL] = np.mean(encoder.encode([record.text for record in own]), axis=0)
    return OnMap(0, item, mine, others[:MOST_TEXTS], vectors, len(others), "")


def _encoder(here: Workspace) -> Encoder:
    name = here.embedder()
    return here.once(("encoder", name), lambda: open_encoder(name, vector_file()))
