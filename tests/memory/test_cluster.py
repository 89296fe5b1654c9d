"""Items are clustered when something changes about them, and tell only those whom it concerns."""

import asyncio

import numpy as np
import pytest
from sqlalchemy import func, select

from tests.memory.test_build import BREAD, RAIN, TWO, numbers, street
from tests.memory.town import faults, job_rows, lived_in, memory_of, opened_records, row, settle
from tests.store.rows import BOTH
from unlike.embed.hashing import HashingEncoder
from unlike.memory.cluster import cluster_item
from unlike.memory.erase import erase
from unlike.memory.settings import Refresh
from unlike.memory.worker import work_once
from unlike.store import clusterings, differences, embeddings, jobs, records
from unlike.store.database import TransactionConflict
from unlike.store.tables import CLUSTERINGS, EMBEDDINGS
from unlike.store.users import Consent


def item_job(memory, item_id):
    """The job of an item, taken."""
    with memory.tenant.write() as tx:
        jobs.enqueue(tx, "cluster", [numbers(memory)[item_id]], tx.now_ms - 1000)
    taken = [job for job in jobs.claim(memory.tenant.store, 99, 60.0) if job.kind == "cluster"]
    return next(job for job in taken if job.subject == numbers(memory)[item_id])


def groups_on(memory, item_id):
    """Ids of the records clustered on an item, by group."""
    with memory.tenant.read() as tx:
        ids = {stored.number: stored.record.id for stored in records.read(tx)}
        clustering = clusterings.current(tx, numbers(memory)[item_id])
    return None if clustering is None else [{ids[number] for number in group} for group in clustering.groups]


def n_of(memory, table):
    with memory.tenant.read() as tx:
        return tx.conn.scalar(select(func.count()).select_from(table))


def test_alike_texts_are_one_group_and_who_does_not_agree_is_in_none(store):
    memory = memory_of(store, method=TWO)
    asyncio.run(memory.add(street(items=("tea",)), BOTH))
    asyncio.run(memory.add([row("hal", "tea", BREAD), row("ida", "tea", RAIN)], Consent(own=True, peer=False)))
    settle(memory)
    groups = groups_on(memory, "tea")
    assert sorted(map(sorted, groups)) == [["ann-tea", "bob-tea"], ["cleo-tea", "dora-tea", "emil-tea"]]
    assert n_of(memory, EMBEDDINGS) == 7  # who does not agree is compared too


def test_records_that_serve_nobody_are_not_embedded(in_sqlite):
    memory = memory_of(in_sqlite, method=TWO)
    asyncio.run(memory.add(street(items=("tea",)), BOTH))
    asyncio.run(memory.add([row("hal", "tea", BREAD)], Consent(own=False, peer=False)))
    settle(memory)
    assert n_of(memory, EMBEDDINGS) == 5


def test_each_person_is_clustered_once_by_the_latest_record(in_sqlite):
    again = row("ann", "tea", f"{BREAD} tea", id="ann-tea-again", at=99)
    memory = lived_in(in_sqlite, [*street(), again], method=TWO)
    groups = groups_on(memory, "tea")
    assert {"ann-tea-again", "cleo-tea", "dora-tea", "emil-tea"} in groups
    assert not any("ann-tea" in group for group in groups)


def test_the_same_set_is_clustered_once(in_sqlite, monkeypatch):
    memory = lived_in(in_sqlite, street(), method=TWO)
    before = n_of(memory, CLUSTERINGS)
    monkeypatch.setattr("unlike.memory.cluster.cluster", lambda *_: pytest.fail("clustered again"))
    cluster_item(item_job(memory, "tea"), HashingEncoder(64), memory.settings)
    assert n_of(memory, CLUSTERINGS) == before
    assert job_rows(memory) == []


def test_only_texts_without_a_vector_are_opened(in_sqlite, monkeypatch):
    memory = lived_in(in_sqlite, street(), method=TWO)
    asyncio.run(memory.add([row("hal", "tea", BREAD)], BOTH))
    job, found = item_job(memory, "tea"), opened_records(monkeypatch)
    cluster_item(job, HashingEncoder(64), memory.settings)
    assert found == ["hal-tea"]
    assert "hal-tea" in set.union(*groups_on(memory, "tea"))


def test_records_that_come_together_are_clustered_together(in_sqlite, monkeypatch):
    memory = memory_of(in_sqlite, method=TWO, refresh=Refresh(debounce_s=60))
    clock = [in_sqlite.now_ms()]
    monkeypatch.setattr(in_sqlite, "now_ms", lambda: clock[0])
    for new in street(items=("tea",)):
        asyncio.run(memory.add([new], BOTH))
        clock[0] += 10_000
    waiting = [(job.kind, job.subject) for job in job_rows(memory, "waiting")]
    assert waiting.count(("cluster", numbers(memory)["tea"])) == 1
    assert len(waiting) == 1 + 5
    assert work(memory) == 0
    clock[0] = job_rows(memory)[0].run_at_ms
    assert work(memory) == 1
    assert n_of(memory, CLUSTERINGS) == 1
    assert len(set.union(*groups_on(memory, "tea"))) == 5


def work(memory):
    return asyncio.run(work_once(memory.tenant.store, lambda _: memory))


def asked_to_build(memory):
    """Users whose profiles are to be built."""
    with memory.tenant.read() as tx:
        names = {stored.user: stored.record.user_id for stored in records.read(tx)}
    return {names[job.subject] for job in job_rows(memory, "waiting") if job.kind == "build"}


def stale(memory):
    return {user.user_id for user in asyncio.run(memory.users()).rows if user.stale}


def written(memory, new, consent=BOTH):
    """A new record, clustered at once; what it asks for of others waits."""
    asyncio.run(memory.add([new], consent))
    settings = memory.settings
    job = item_job(memory, new.record.item_id)
    with memory.tenant.write() as tx:
        jobs.drop(tx, "build", list(numbers(memory).values()))
    cluster_item(job, HashingEncoder(64), settings)


def test_who_stands_for_nobody_changes_nothing(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    written(memory, row("zed", "tea", f"{BREAD} tea"))
    assert any("zed-tea" in group for group in groups_on(memory, "tea"))
    assert asked_to_build(memory) == set()
    assert stale(memory) == set()


def test_who_stands_for_others_changes_what_they_are_compared_with(store):
    memory = lived_in(store, street(), method=TWO)
    written(memory, row("abe", "tea", f"{BREAD} tea"))
    assert asked_to_build(memory) == {"ann", "bob"}  # the others are in abe's group
    assert stale(memory) == {"ann", "bob"}
    with memory.tenant.read() as tx:
        there = {stored.number: stored.record.id for stored in records.read(tx)}
        marked = {there[number] for number, made in differences.current_of(tx, there).items() if made.stale}
    assert marked == {"ann-tea", "bob-tea"}


def test_records_that_no_profile_was_made_of_ask_for_nothing(in_sqlite):
    late = [row(user, item, f"{RAIN} {item}", at=50) for user in ("ann", "bob") for item in ("moon", "mars")]
    memory = lived_in(in_sqlite, [*street(), *late], method=TWO)
    written(memory, row("abe", "tea", f"{BREAD} tea"))
    assert asked_to_build(memory) == set()
    assert stale(memory) == set()


def test_nobody_is_built_for_against_their_will(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    asyncio.run(memory.set_consent("ann", own=False))
    settle(memory)
    written(memory, row("abe", "tea", f"{BREAD} tea"))
    assert asked_to_build(memory) == {"bob"}


class Erasing(HashingEncoder):
    """Somebody is erased while texts are embedded."""

    def __init__(self, tenant, user_id):
        super().__init__(64)
        self.tenant = tenant
        self.user_id = user_id

    def encode(self, texts):
        erase(self.tenant, self.user_id)
        return super().encode(texts)


def test_nothing_is_kept_of_who_goes_meanwhile(store):
    memory = memory_of(store, method=TWO)
    asyncio.run(memory.add(street(items=("tea",)), BOTH))
    job = item_job(memory, "tea")
    with pytest.raises(TransactionConflict):
        cluster_item(job, Erasing(memory.tenant, "dora"), memory.settings)
    assert n_of(memory, EMBEDDINGS) == n_of(memory, CLUSTERINGS) == 0
    cluster_item(job, HashingEncoder(64), memory.settings)
    assert set.union(*groups_on(memory, "tea")) == {"ann-tea", "bob-tea", "cleo-tea", "emil-tea"}
    assert faults(memory) == []


def test_who_is_not_clustered_is_of_the_nearest_group(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    hers = [row("hal", "tea", f"{RAIN} tea"), row("hal", "soup", f"{RAIN} soup")]
    asyncio.run(memory.add(hers, Consent(own=True, peer=False)))
    settle(memory)
    with memory.tenant.read() as tx:
        there = {stored.record.id: stored.number for stored in records.read(tx)}
        made = differences.current_of(tx, [there["hal-tea"]])[there["hal-tea"]].difference
        vectors = embeddings.of_records(tx, "hashing:64", there.values())
    assert made.peers == (there["cleo-tea"],)  # not of those who write like hal
    assert made.n_peers == 5
    assert np.allclose(vectors[there["hal-tea"]], vectors[there["ann-tea"]])
