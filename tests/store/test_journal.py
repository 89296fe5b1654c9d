"""Answers of LLMs: kept once they are done, sealed for all who were read, gone with any of them."""

import pytest

from tests.store.rows import ANSWER, lived_in, numbers, put, row, users
from unlike.privacy.seal import Unreadable
from unlike.store import erase_rows, journal
from unlike.store.records import Unknown
from unlike.store.tables import JOURNAL, JOURNAL_READS

ASKED = {"model": "m", "step": "difference"}
FAILED = ANSWER | {"state": "failed", "text": "", "error": "no JSON", "raw": "{", "finish_reason": ""}


@pytest.fixture
def two(tenant):
    put(tenant, row("ann"), row("bob"))
    return ["ann-tea", "bob-tea"]


def test_an_answer_comes_back(tenant, two):
    with tenant.write() as tx:
        assert journal.get(tx, "k") is None
        assert journal.put(tx, "k", ASKED, two, ANSWER) == ANSWER
        assert journal.get(tx, "k") == ANSWER
        reads = set(tx.conn.scalars(JOURNAL_READS.select().with_only_columns(JOURNAL_READS.c.record)))
    assert reads == set(numbers(tenant).values())


def test_a_done_answer_stays(tenant, two):
    with tenant.write() as tx:
        journal.put(tx, "k", ASKED, two, ANSWER)
        assert journal.put(tx, "k", ASKED, two, ANSWER | {"text": "another"}) == ANSWER
        assert journal.get(tx, "k") == ANSWER


def test_after_a_failure_an_answer_takes_its_place(tenant, two):
    with tenant.write() as tx:
        journal.put(tx, "k", ASKED, two, FAILED)
        assert journal.get(tx, "k") == FAILED
        journal.put(tx, "k", ASKED, two[:1], ANSWER | {"attempts": 2})
        assert journal.get(tx, "k") == ANSWER | {"attempts": 3}
        assert tx.conn.execute(JOURNAL_READS.select()).all()[0].record == numbers(tenant)["ann-tea"]


def test_it_is_sealed_for_all_who_were_read(tenant, two):
    with tenant.write() as tx:
        journal.put(tx, "k", ASKED, two, ANSWER)
        kept = tx.conn.execute(JOURNAL.select()).one()
        assert kept.people == sorted(users(tenant).values())
        with pytest.raises(Unreadable):
            tx.keys.unseal(tx.conn, kept.people[:1], kept.sealed, journal.place_of(tx, "k"))


def test_of_records_that_are_gone_no_answer_is_kept(tenant, two):
    with pytest.raises(Unknown, match="erased while it was under way"), tenant.write() as tx:
        journal.put(tx, "k", ASKED, [*two, "gone"], ANSWER)


def test_an_answer_goes_with_anybody_who_was_read(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        erase_rows.take_out(tx, world.users["bob"])
        assert journal.get(tx, world.calls["ann"]) is journal.get(tx, world.calls["bob"]) is None
        assert journal.get(tx, world.calls["cleo"])["text"] == "words of cleo answered"


def test_two_tenants_ask_the_same(store):
    for name in ("one", "two"):
        put(store.tenant(name), row("ann"))
        with store.tenant(name).write() as tx:
            assert journal.put(tx, "k", ASKED, ["ann-tea"], ANSWER | {"text": name})["text"] == name
