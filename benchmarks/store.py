"""The store at a million records: what one request reads of history, peers and representatives.

SQLite on disk, every text sealed with its user's key, as the service keeps it. One process fills the store, another one
opens it and answers; every answer is checked against what was written.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.own_process import alone, peak_mb
from benchmarks.row import Row
from unlike.records import Item, Record

if TYPE_CHECKING:
    from unlike.store.database import Store, Tenant, Tx
    from unlike.store.records import NewRecord

N_RECORDS, QUICK = 1_000_000, 20_000
EACH, N_GROUPS = 20, 5
"""Records of a user, and on an item."""
N_REQUESTS = 500
MOST_MS, MOST_GB = 5.0, 2.0
START_MS, MINUTE_MS = 1_400_000_000_000, 60_000
AT_ONCE = 5_000


def main(quick: bool = False) -> list[Row]:
    """Time and memory of a request."""
    n = QUICK if quick else N_RECORDS
    with tempfile.TemporaryDirectory(prefix="unlike-store-") as folder:
        filled_s = alone(_fill, Path(folder), n)
        told = alone(_answer, Path(folder), n)
    what = f"of one request at {n:,} records"
    facts = {key: told[key] for key in ("p99_ms", "processor_ms", "history_ms", "peers_ms", "representatives_ms")}
    facts |= {
        "records_of_a_user_and_on_an_item": EACH,
        "requests": N_REQUESTS,
        "filled_s": round(filled_s, 1),
    }
    return [
        Row(f"history, peers and representatives {what}, p50", "", told["p50_ms"], MOST_MS, "ms", True, facts),
        Row(f"memory of the process {what}", "", told["gb"], MOST_GB, "GB", True),
    ]


def record_of(number: int, n: int) -> Record:
    """Record number so many of n: each user writes 20, each item is written about 20 times, by others each time."""
    many = n // EACH
    user, item = (number // many + number) % many, number * 7_919 % many
    text = f"Text {number} of user {user}. " + f"It says word{number % 997} and word{number % 499} of it. " * 8
    return Record(f"r{number:08}", f"u{user}", f"i{item}", text, "Said", 4.0, START_MS + number * MINUTE_MS)


def _fill(folder: Path, n: int) -> float:
    from unlike.store import records
    from unlike.store.users import Consent

    store = _open(folder)
    tenant = store.tenant()
    started = time.perf_counter()
    rows = _rows(n)
    while batch := list(islice(rows, AT_ONCE)):
        with tenant.write() as tx:
            records.put(tx, batch, Consent(own=True, peer=True))
    with tenant.write() as tx:
        for item in _asked_items(n):
            _put_clustering(tx, item)
    store.close()
    return time.perf_counter() - started


def _answer(folder: Path, n: int) -> dict[str, Any]:
    """Milliseconds of requests, and memory."""
    store = _open(folder)
    tenant = store.tenant()
    asked = [record_of(next(_on_item(item, n)), n) for item in _asked_items(n)]
    took = [[_read(step, tenant, record, n) for step in STEPS] for record in asked]
    gb = peak_mb() / 1000
    store.close()
    whole = sorted(sum(wall for wall, _ in steps) for steps in took)
    medians = {
        f"{step}_ms": round(statistics.median(steps[place][0] for steps in took), 2) for place, step in enumerate(STEPS)
    }
    return medians | {
        "p50_ms": statistics.median(whole),
        "p99_ms": round(whole[len(whole) * 99 // 100], 2),
        "processor_ms": round(statistics.median(sum(cpu for _, cpu in steps) for steps in took), 2),
        "gb": gb,
    }


def _read(step: str, tenant: "Tenant", record: Record, n: int) -> tuple[float, float]:
    """Milliseconds that a step took, and of the processor; what was read is then compared with what was written."""
    started, cpu = time.perf_counter(), time.thread_time()
    found = STEPS[step](tenant, record)
    took = 1000 * (time.perf_counter() - started), 1000 * (time.thread_time() - cpu)
    assert sorted(found, key=lambda one: one.id) == EXPECTED[step](record, n), f"{step} of {record.id}"
    return took


def _history(tenant: "Tenant", record: Record) -> list[Record]:
    from unlike.store.records import StoredRecords

    return list(StoredRecords(tenant).history(record.user_id, (2**60, "")))


def _peers(tenant: "Tenant", record: Record) -> list[Record]:
    from unlike.store.records import StoredRecords

    return list(StoredRecords(tenant).peers(record.item_id, None))


def _representatives(tenant: "Tenant", record: Record) -> list[Record]:
    """The most central record of every group but the record's own."""
    from unlike.memory.representatives import against
    from unlike.memory.settings import MemorySettings
    from unlike.store import clusterings, records

    with tenant.read() as tx:
        own = records.with_ids(tx, [record.id])[0]
        clustering = clusterings.current(tx, own.item)
        assert clustering is not None, "the item is clustered"
        home = clustering.group_of[own.number]
        whom = against(clustering, own.number, home, MemorySettings())
        return [stored.record for stored in records.with_numbers(tx, whom.peers if whom else ()).values()]


STEPS = {"history": _history, "peers": _peers, "representatives": _representatives}
EXPECTED = {
    "history": lambda record, n: [record_of(number, n) for number in _of_user(int(record.user_id[1:]), n)],
    "peers": lambda record, n: [record_of(number, n) for number in _on_item(int(record.item_id[1:]), n)],
    "representatives": lambda record, n: [
        record_of(number, n) for number in list(_on_item(int(record.item_id[1:]), n))[1:N_GROUPS]
    ],
}


def _put_clustering(tx: "Tx", item: int) -> None:
    """Groups of the records on an item, in turn; the first record of the item is in the first group."""
    from sqlalchemy import select

    from unlike.store import clusterings
    from unlike.store.tables import ITEMS, RECORDS

    number = tx.conn.scalars(select(ITEMS.c.id).where(ITEMS.c.tenant == tx.tenant, ITEMS.c.item_id == f"i{item}")).one()
    own = select(RECORDS.c.id).where(RECORDS.c.item == number).order_by(RECORDS.c.record_id)
    there = tx.conn.scalars(own).all()
    clusterings.put(tx, number, "made", [there[group::N_GROUPS] for group in range(N_GROUPS)])


def _rows(n: int) -> "Iterator[NewRecord]":
    from unlike.store.records import NewRecord

    for number in range(n):
        record = record_of(number, n)
        yield NewRecord(record, Item(record.item_id, f"Item {record.item_id}", "A thing with parts. " * 8))


def _asked_items(n: int) -> list[int]:
    return Random(0).sample(range(n // EACH), min(N_REQUESTS, n // EACH))


def _of_user(user: int, n: int) -> Iterator[int]:
    """Numbers of a user's records, rising: one in each round of all users."""
    many = n // EACH
    return (turn * many + (user - turn) % many for turn in range(EACH))


def _on_item(item: int, n: int) -> Iterator[int]:
    """Numbers of the records on an item, rising."""
    n_items = n // EACH
    first = item * pow(7_919, -1, n_items) % n_items
    return iter(range(first, n, n_items))


def _open(folder: Path) -> "Store":
    from unlike.privacy.keys import MasterKey
    from unlike.store.database import open_store

    return open_store(folder, MasterKey(b"k" * 32))
