"""What a corpus holds, as figures to print or to export."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from unlike.data.corpus import Corpus

FULL_PEERS = 4
"""K of DPL: a record can be compared in full where at least as many other users reviewed its item."""


def sizes_of(corpus: Corpus) -> dict[str, int | str]:
    """The hash of a corpus and its numbers of users, items and records."""
    return {
        "hash": corpus.hash,
        "users": len(corpus.users()),
        "items": len(corpus.items()),
        "records": len(corpus.records()),
    }


def facts_of(corpus: Corpus) -> dict[str, Any]:
    """Sizes, lengths, times, the share of records that can be compared, and a sample record."""
    cases, records = corpus.cases(), corpus.records()
    return {
        "source": corpus.manifest["source"]["name"],
        **sizes_of(corpus),
        "cases": {split: len(corpus.cases(split)) for split in ("train", "validation", "test")},
        "history of a case": _spread([len(corpus.history(case.user_id, case.moment)) for case in cases]),
        "characters of a text": _spread([len(record.text) for record in records]),
        "first and last day": [_day(record.timestamp) for record in (*records[:1], *records[-1:])],
        f"share of records with {FULL_PEERS} others on the item": round(_comparable(corpus), 3),
        "cases without any text of others": _without_peers(corpus),
        "quarantined lines": corpus.manifest["quarantined"],
        "sample": asdict(records[len(records) // 2]) if records else {},
    }


def _comparable(corpus: Corpus) -> float:
    """The share of records on whose item at least FULL_PEERS other users wrote."""
    writers = {item.id: len({r.user_id for r in corpus.peers(item.id, None)}) for item in corpus.items()}
    enough = [writers.get(record.item_id, 0) > FULL_PEERS for record in corpus.records()]
    return sum(enough) / max(1, len(enough))


def _without_peers(corpus: Corpus) -> dict[str, int]:
    """The number of cases without a text of others, by time rule."""
    peers = corpus.manifest.get("peers", {})
    return {rule: peers[f"without_{rule}"] for rule in ("as_of", "paper") if f"without_{rule}" in peers}


def _spread(values: Sequence[int]) -> dict[str, float]:
    return {"min": min(values), "median": median(values), "max": max(values)} if values else {}


def _day(timestamp: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamp)).date().isoformat()
