"""Differences: one current one a record, sealed for all who were read, and named with all they read."""

import pytest

from tests.store.rows import lived_in, numbers, put, row, users
from unlike.privacy.seal import Unreadable
from unlike.store import differences, profiles
from unlike.store.database import TransactionConflict
from unlike.store.differences import NewDifference
from unlike.store.people import people_of
from unlike.store.profiles import NewProfile
from unlike.store.tables import DIFFERENCE_READS, DIFFERENCES
from unlike.store.users import Consent


@pytest.fixture
def three(tenant):
    """Numbers of one record each of three users."""
    put(tenant, row("ann"), row("bob"), row("cleo"))
    return sorted(numbers(tenant).values())


def kept(tx, new):
    return differences.current_of(tx, [new.record])[new.record]


def test_a_difference_comes_back_with_its_lineage(tenant, three):
    own, *peers = three
    new = NewDifference(own, tuple(reversed(peers)), None, "says “ä”", 7, "made")
    with tenant.write() as tx:
        number = differences.put(tx, new)
        found = kept(tx, new)
        reads = tx.conn.execute(DIFFERENCE_READS.select().order_by(DIFFERENCE_READS.c.id)).all()
    assert (found.number, found.stale, found.difference) == (number, False, new)
    assert [(row.record, row.role) for row in reads] == [(own, "own"), (peers[1], "peer"), (peers[0], "peer")]


def test_it_is_sealed_for_all_whose_words_were_read(tenant, three):
    own, *peers = three
    new = NewDifference(own, tuple(peers), None, "text", 2, "m")
    with tenant.write() as tx:
        differences.put(tx, new)
        row_ = tx.conn.execute(DIFFERENCES.select()).one()
        assert sorted(row_.people) == sorted(users(tenant).values())
        place = differences.place_of(tx, own)
        assert tx.keys.unseal(tx.conn, row_.people, row_.sealed, place) == {"text": "text"}
        for one in row_.people:
            with pytest.raises(Unreadable):
                tx.keys.unseal(tx.conn, [other for other in row_.people if other != one], row_.sealed, place)


def test_a_new_one_takes_the_place_of_the_old(tenant, three):
    own, peer, other = three
    with tenant.write() as tx:
        first = differences.put(tx, NewDifference(own, (peer,), None, "first", 1, "m"))
        second = NewDifference(own, (other,), None, "second", 1, "m")
        assert differences.put(tx, second) > first
        assert kept(tx, second).difference == second


def test_stale_is_the_current_one_only(tenant, three):
    own, peer, other = three
    new = NewDifference(own, (peer,), None, "t", 1, "m")
    with tenant.write() as tx:
        differences.put(tx, new)
        differences.mark_stale(tx, [own, other])
        assert kept(tx, new).stale
        differences.put(tx, new)
        assert not kept(tx, new).stale


def test_sweeping_leaves_what_a_profile_was_made_from(tenant, three):
    own, peer, _ = three
    with tenant.write() as tx:
        used, unused, current = (
            differences.put(tx, NewDifference(own, (peer,), None, text, 1, "m")) for text in ("used", "not", "now")
        )
        profiles.put(tx, NewProfile(users(tenant)["ann"], "built", (), (own,), (used,)))
        differences.sweep(tx, [own])
        left = tx.conn.scalars(DIFFERENCES.select().order_by(DIFFERENCES.c.id)).all()
    assert left == [used, current] and unused not in left


def test_of_many_records_at_once(tenant):
    put(tenant, *(row("ann", f"i{n}") for n in range(510)), row("bob"))
    there = numbers(tenant)
    bob = there.pop("bob-tea")
    with tenant.write() as tx:
        for number in there.values():
            differences.put(tx, NewDifference(number, (bob,), None, str(number), 1, "m"))
        differences.mark_stale(tx, list(there.values()))
        found = differences.current_of(tx, there.values())
    assert {number: one.difference.text for number, one in found.items()} == {n: str(n) for n in there.values()}
    assert all(one.stale for one in found.values())


def test_with_a_record_that_is_gone_nothing_is_kept(tenant, three):
    with pytest.raises(TransactionConflict, match="erased"), tenant.write() as tx:
        differences.put(tx, NewDifference(three[0], (max(three) + 1,), None, "text", 1, "m"))


def test_who_does_not_agree_is_nobodys_peer(tenant, three):
    put(tenant, row("shy"), consent=Consent(own=True, peer=False))
    shy = numbers(tenant)["shy-tea"]
    with tenant.write() as tx:
        differences.put(tx, NewDifference(shy, (three[0],), None, "about the shy one", 1, "m"))
    with pytest.raises(TransactionConflict, match="may not be compared"), tenant.write() as tx:
        differences.put(tx, NewDifference(three[0], (shy,), None, "from the shy one", 1, "m"))


def test_people_of_records(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        assert people_of(tx, []) == []
        assert people_of(tx, [world.records["bob-tea"]], compared=[world.records["ann-tea"]]) == sorted(
            (world.users["ann"], world.users["bob"])
        )
