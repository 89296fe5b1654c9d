"""A corpus folder: pages of users and items, the records of one user or item, and maps.

The map of an item is that of a service, with vectors computed from the texts here; the paths are the service's, so that
one page works with both. All users of a corpus count as agreeing to be compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.embed.open import open_encoder
from unlike.inspector.readers.workspace import Workspace
from unlike.inspector.routes.maps import K
from unlike.inspector.routes.parameters import Here, Search, ascii_json_response, page
from unlike.inspector.store.maps import MAX_TEXTS, MEAN_RECORD, MapData, drawn
from unlike.memory.settings import MemorySettings
from unlike.records import END_OF_TIME, Item, Record, others_on
from unlike.serve.answers import json_response
from unlike.serve.routes.context import Limit, Offset
from unlike.settings import SelectorName, vector_file

router = APIRouter(prefix="/inspect/api/corpus", tags=["corpus"])
map_router = APIRouter(tags=["maps"])
Id = Annotated[str, Query(max_length=2_000)]
UserId = Annotated[str, Query(alias="user", max_length=2_000, description="Of the user")]
ItemId = Annotated[str, Query(alias="item", max_length=2_000, description="Of the item")]
Order = Literal["up", "down"]


@router.get("")
def about(here: Here) -> Response:
    """Counts, times and source of the corpus."""
    corpus = here.corpus()
    records, manifest = corpus.records(), corpus.manifest
    return ascii_json_response(
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
    listed = here.cached(("users", corpus.hash), lambda: [_user(corpus, user) for user in corpus.users()])
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
    listed = here.cached(("items", corpus.hash), lambda: [_item(corpus, item.id) for item in corpus.items()])
    return _page(listed, search, sort, order, offset, limit)


@router.get("/user")
def user(here: Here, user: UserId, offset: Offset = 0, limit: Limit = 20) -> Response:
    """Records of a user, the latest first, and the user's cases."""
    corpus = here.corpus()
    records, whole = page(list(reversed(corpus.history(user, END_OF_TIME))), offset, limit)
    cases = [{"id": case.id, "split": case.split} for case in corpus.cases() if case.user_id == user]
    return ascii_json_response(
        {**whole, "user_id": user, "cases": cases, "records": [with_title(corpus, record) for record in records]}
    )


@router.get("/item")
def item(here: Here, item: ItemId, offset: Offset = 0, limit: Limit = 20) -> Response:
    """Records on an item, the latest first."""
    corpus = here.corpus()
    found = asdict(corpus.item(item))
    records, whole = page(list(reversed(corpus.peers(item, None))), offset, limit)
    return ascii_json_response({**whole, "item": found, "records": [with_title(corpus, record) for record in records]})


def _page(listed: list[dict[str, Any]], search: str, sort: str, order: Order, offset: int, limit: int) -> Response:
    folded = search.casefold()
    fitting = [row for row in listed if not search or folded in f"{row['id']}\n{row.get('title', '')}".casefold()]
    fitting.sort(key=lambda row: (row[sort], row["id"]), reverse=order == "down")
    rows, whole = page(fitting, offset, limit)
    return ascii_json_response({**whole, "rows": rows})


def _user(corpus: Corpus, user_id: str) -> dict[str, Any]:
    records = corpus.history(user_id, END_OF_TIME)
    return {"id": user_id, "items": len({record.item_id for record in records}), **_counts(records)}


def _item(corpus: Corpus, item_id: str) -> dict[str, Any]:
    records = corpus.peers(item_id, None)
    users = len({record.user_id for record in records})
    return {"id": item_id, "title": corpus.item(item_id).title, "users": users, **_counts(records)}


def _counts(records: Iterable[Record]) -> dict[str, Any]:
    times = [record.timestamp for record in records]
    return {"records": len(times), "first": min(times, default=0), "last": max(times, default=0)}


def with_title(corpus: Corpus, record: Record) -> dict[str, Any]:
    """A record with the title of its item, or the item's id where it has none."""
    return asdict(record) | {"item_title": corpus.item(record.item_id).name}


def _count_by_split(corpus: Corpus) -> dict[str, int]:
    counts: dict[str, int] = {}
    for case in corpus.cases():
        counts[case.split] = counts.get(case.split, 0) + 1
    return counts


def _by_month(records: Iterable[Record]) -> list[tuple[int, int]]:
    """(start in ms, number of records) for each period of 30 days that has records."""
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
    """All texts on an item as points in a plane, with their clusters and the representatives of the user."""
    corpus = here.corpus()
    data = map_data_of(corpus, user_id, corpus.item(item_id), _encoder(here))
    return json_response(drawn(user_id, data, k, selector, MemorySettings()))


@map_router.get("/v1/map/differences")
def list_differences(user_id: Id, item_id: Id) -> Response:
    """No rows: differences that runs found are on the pages of their cases."""
    return json_response({"rows": []})


@map_router.get("/v1/users/{user_id:path}/records")
def list_records(here: Here, user_id: str, offset: Offset = 0, limit: Limit = 50) -> Response:
    """A page of a user's records, the latest first."""
    corpus = here.corpus()
    records, whole = page(list(reversed(corpus.history(user_id, END_OF_TIME))), offset, limit)
    return json_response({**whole, "rows": [with_title(corpus, record) for record in records]})


def map_data_of(corpus: Corpus, user_id: str, item: Item, encoder: Encoder) -> MapData:
    """The data of a map of a corpus: the latest text of each user on the item.

    Args:
        corpus: The corpus.
        user_id: The user who is compared; one without a text on the item is at the mean of all own texts.
        item: The item.
        encoder: Of texts.
    """
    own = corpus.history(user_id, END_OF_TIME)
    mine = next((record for record in reversed(own) if record.item_id == item.id), None)
    others = sorted(others_on(corpus, item.id, user_id, None), key=lambda record: record.moment, reverse=True)
    shown = [*([mine] if mine else []), *others[:MAX_TEXTS]]
    vectors = dict(zip([record.id for record in shown], encoder.encode([record.text for record in shown]), strict=True))
    if mine is None and own:
        mine = Record(MEAN_RECORD, user_id, item.id, "")
        vectors[MEAN_RECORD] = np.mean(encoder.encode([record.text for record in own]), axis=0)
    return MapData(0, item, mine, others[:MAX_TEXTS], vectors, len(others), "")


def _encoder(here: Workspace) -> Encoder:
    name = here.embedder()
    return here.cached(("encoder", name), lambda: open_encoder(name, vector_file()))
