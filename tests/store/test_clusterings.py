"""Clusterings: of whom, in which order, and which is current."""

import pytest

from tests.store.rows import lived_in, numbers, put, row
from unlike.records import Item
from unlike.store import clusterings, differences, records
from unlike.store.database import TransactionConflict
from unlike.store.differences import NewDifference
from unlike.store.items import SourcedItem, numbers_of_items
from unlike.store.users import Consent


@pytest.fixture
def tea(tenant):
    """Five records on tea, and the number of tea."""
    put(tenant, *(row(f"u{n}", "tea") for n in range(5)))
    with tenant.read() as tx:
        return sorted(numbers(tenant).values()), records.read(tx)[0].item


def test_groups_come_back_in_their_order(tenant, tea):
    (a, b, c, d, e), item = tea
    with tenant.write() as tx:
        kept = clusterings.put(tx, item, "digest", [[c, a], [e], [d, b]])
        assert clusterings.current(tx, item) == kept
    assert kept.groups == ((c, a), (e,), (d, b))
    assert kept.group_of == {c: 0, a: 0, e: 1, d: 2, b: 2}


def test_nothing_clustered_is_a_clustering_too(tenant, tea):
    with tenant.write() as tx:
        assert clusterings.current(tx, tea[1]) is None
        assert clusterings.put(tx, tea[1], "digest", []).groups == ()
        assert clusterings.current(tx, tea[1]).groups == ()


def test_what_was_kept_last_is_current(tenant, tea, store):
    (a, b, *_), item = tea
    now = store.now_ms()
    with tenant.write() as tx:
        first = clusterings.put(tx, item, "first", [[a], [b]])
        assert clusterings.put(tx, item, "second", [[a, b]]).number > first.number
        assert clusterings.current(tx, item).digest == "second"
    store.now_ms = lambda: now + 1000
    with tenant.write() as tx:
        assert clusterings.put(tx, item, "first", [[a], [b]]) == first
        assert clusterings.current(tx, item) == first


def test_sweeping_leaves_the_current_one_and_those_that_differences_name(tenant, tea):
    (a, b, *_), item = tea
    with tenant.write() as tx:
        named, _unnamed, last = (clusterings.put(tx, item, digest, [[a], [b]]) for digest in "abc")
        differences.put(tx, NewDifference(a, (b,), named.number, "text", 1, "m"))
        bread = numbers_of_items(tx, {"bread": SourcedItem(Item("bread"))})["bread"]
        elsewhere = clusterings.put(tx, bread, "d", [])
        clusterings.sweep(tx, item)
        left = tx.conn.exec_driver_sql("select id from clusterings order by id").scalars().all()
        assert clusterings.current(tx, item) == last
    assert left == [named.number, last.number, elsewhere.number]


def test_who_does_not_agree_is_in_no_clustering(tenant, tea):
    put(tenant, row("shy", "tea"), consent=Consent(own=True, peer=False))
    with pytest.raises(TransactionConflict, match="may not be compared"), tenant.write() as tx:
        clusterings.put(tx, tea[1], "digest", [[tea[0][0], numbers(tenant)["shy-tea"]]])
    with tenant.read() as tx:
        assert clusterings.current(tx, tea[1]) is None


def test_who_is_gone_is_in_no_clustering(tenant, tea):
    with pytest.raises(TransactionConflict), tenant.write() as tx:
        clusterings.put(tx, tea[1], "digest", [[max(tea[0]) + 1]])


def test_one_item_has_nothing_of_another(tenant):
    world = lived_in(tenant)
    with tenant.read() as tx:
        assert clusterings.current(tx, world.items["tea"]).digest == "digest"
        assert clusterings.current(tx, world.items["bread"]) is None
