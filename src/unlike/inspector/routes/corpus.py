"""A corpus as it lies on disk: its users and items in pages, and what one user wrote or was written about one item."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.data.corpus import Corpus
from unlike.inspector.routes.parameters import Here, Limit, Offset, Search, page, sent
from unlike.records import Record

router = APIRouter(prefix="/inspect/api/corpus", tags=["corpus"])
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
    return sent({**whole, "user_id": user, "cases": cases, "records": [_told(corpus, record) for record in records]})


@router.get("/item")
def item(here: Here, item: ItemId, offset: Offset = 0, limit: Limit = 20) -> Response:
    """What was written about an item, the latest first."""
    corpus = here.corpus()
    found = asdict(corpus.item(item))
    records, whole = page(list(reversed(corpus.peers(item, None))), offset, limit)
    return sent({**whole, "item": found, "records": [_told(corpus, record) for record in records]})


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


def _told(corpus: Corpus, record: Record) -> dict[str, Any]:
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
