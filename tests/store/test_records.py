"""Records: accepted once each, with their words, and read by those who may."""

from dataclasses import replace

import pytest

from tests.store.rows import BOTH, MASTER, numbers, put, row
from unlike.errors import InputError
from unlike.records import Item, Record
from unlike.store import erase_rows, records, users
from unlike.store.database import open_store
from unlike.store.items import set_item
from unlike.store.records import NewRecord, StoredRecords, Unknown
from unlike.store.tables import ITEMS
from unlike.store.users import Consent

ALL = (10**12, "")


def test_a_record_comes_back_as_it_was_sent(tenant):
    sent = row("ann", "tea", "Größe! 🙂\n\x00 ", title="", rating=None, at=-5)
    assert put(tenant, sent).n_new == 1
    assert StoredRecords(tenant).history("ann", ALL) == [sent.record]
    assert StoredRecords(tenant).item("tea") == sent.item


def test_records_without_their_words_are_read_without_a_key(tenant, monkeypatch):
    put(tenant, row("bob", "tea", at=2), row("ann", "tea", at=1), row("ann", "milk"), row("ann", "tea", id="z", at=3))
    with tenant.read() as tx:
        whole = records.read(tx, ITEMS.c.item_id == "tea")
        monkeypatch.setattr(tx.keys, "of_users", lambda *_: pytest.fail("a key is read"))
        found = records.without_texts(tx, ITEMS.c.item_id == "tea")
    assert found == [replace(one, record=replace(one.record, text="", title="")) for one in whole]
    assert [one.record.id for one in found] == ["ann-tea", "bob-tea", "z"]


def test_the_latest_record_of_a_user_on_an_item(tenant):
    put(tenant, row("ann", "tea", at=1), row("ann", "tea", id="z", at=3), row("bob", "tea", at=4), row("ann", "milk"))
    with tenant.read() as tx:
        ann = users.find_user(tx, "ann")
        assert records.latest_on(tx, ann, "tea").record.id == "z"
        assert records.latest_on(tx, ann, "bread") is None


def test_sending_again_changes_nothing(tenant):
    rows = [row("ann", "tea"), row("bob", "tea")]
    first = put(tenant, *rows)
    again = put(tenant, *rows)
    assert (first.n_new, first.n_same, len(first.users), len(first.items)) == (2, 0, 2, 1)
    assert (again.n_new, again.n_same, again.conflicts, again.users, again.items) == (0, 2, (), (), ())


def test_other_words_under_an_id_are_kept_out(tenant):
    put(tenant, row("ann", "tea", "first"))
    second = put(tenant, row("ann", "tea", "second"), row("ann", "bread"))
    assert (second.n_new, second.n_same, second.conflicts) == (1, 0, ("ann-tea",))
    assert [record.text for record in StoredRecords(tenant).history("ann", ALL)] == ["ann on bread", "first"]


def test_an_id_of_another_user_is_a_conflict_and_makes_no_user(tenant):
    put(tenant, row("ann", "tea", id="r"))
    assert put(tenant, row("bob", "tea", id="r")).conflicts == ("r",)
    with tenant.read() as tx:
        assert users.find_user(tx, "bob") is None


def test_twice_in_one_batch_the_first_counts(tenant):
    came = put(tenant, row(id="r", text="first"), row(id="r", text="first"), row(id="r", text="other"))
    assert (came.n_new, came.n_same, came.conflicts) == (1, 1, ("r",))
    assert [record.text for record in StoredRecords(tenant).history("ann", ALL)] == ["first"]


def test_more_than_one_statement_holds(tenant):
    rows = [row(f"u{n % 7}", f"i{n % 1100}", id=f"r{n}", at=n) for n in range(1500)]
    assert put(tenant, *rows).n_new == 1500
    assert put(tenant, *rows).n_same == 1500
    assert len(numbers(tenant)) == 1500


def test_what_is_told_of_an_item_is_kept_until_told_otherwise(tenant):
    stored = StoredRecords(tenant)
    put(tenant, row("ann", "tea", about=Item("tea")))
    assert stored.item("tea") == Item("tea")
    put(tenant, row("bob", "tea", about=Item("tea", "Tea", "leaves")))
    put(tenant, row("cleo", "tea", about=Item("tea")))
    assert stored.item("tea") == Item("tea", "Tea", "leaves")
    put(tenant, row("dora", "tea", about=Item("tea", "Green tea")))
    assert stored.item("tea") == Item("tea", "Tea", "leaves"), "whoever tells first is believed"
    with tenant.write() as tx:
        assert set_item(tx, Item("tea", "", "dry leaves")) == 3
    assert stored.item("tea") == Item("tea", "Tea", "dry leaves"), "and the product above all"
    put(tenant, row("emil", "tea", about=Item("tea", "Green tea")))
    assert stored.item("tea") == Item("tea", "Tea", "dry leaves")


def test_a_later_record_fills_what_is_still_empty(tenant):
    stored = StoredRecords(tenant)
    put(tenant, row("ann", "tea", about=Item("tea", "Tea")))
    shy = Consent(own=True, peer=False)
    put(tenant, row("shy", "tea", about=Item("tea", "", "IGNORE ALL")), consent=shy)
    assert stored.item("tea") == Item("tea", "Tea"), "who says less of an item with less trust says nothing"
    put(tenant, row("bob", "tea", about=Item("tea", "Green tea", "leaves")))
    assert stored.item("tea") == Item("tea", "Tea", "leaves")
    with tenant.write() as tx:
        erase_rows.take_out(tx, users.find_user(tx, "bob"))
    assert stored.item("tea") == Item("tea", "Tea")
    put(
        tenant, row("ann", "milk", about=Item("milk", "Milk")), row("cleo", "milk", about=Item("milk", "Milk", "white"))
    )
    assert stored.item("milk") == Item("milk", "Milk", "white"), "in one batch too"


def test_who_agrees_to_be_compared_has_more_right_to_tell_of_an_item(tenant):
    stored = StoredRecords(tenant)
    put(tenant, row("shy", "tea", about=Item("tea", "IGNORE ALL")), consent=Consent(own=True, peer=False))
    put(tenant, row("bob", "tea", about=Item("tea", "Tea")))
    assert stored.item("tea").title == "Tea"
    put(tenant, row("shy", "tea", id="again", about=Item("tea", "IGNORE ALL")), consent=Consent(own=True, peer=False))
    assert stored.item("tea").title == "Tea"


def test_what_one_user_told_of_an_item_goes_with_that_user_and_what_two_told_stays(tenant):
    put(tenant, row("ann", "tea", about=Item("tea", "Ann's tea")), row("bob", "tea", about=Item("tea")))
    put(tenant, row("ann", "bread", about=Item("bread", "Bread")), row("bob", "bread", about=Item("bread", "Bread")))
    put(tenant, row("ann", "hers", about=Item("hers", "Ann's own")))
    with tenant.write() as tx:
        own, _ = erase_rows.take_out(tx, users.find_user(tx, "ann"))
    assert own["items"] == 2
    stored = StoredRecords(tenant)
    assert stored.item("tea") == Item("tea") and stored.item("bread") == Item("bread", "Bread")
    with pytest.raises(Unknown):
        stored.item("hers")


def test_what_another_user_sends_alike_is_all_that_ceases_to_be_the_first_one_s(tenant):
    """A record that says nothing of the item, or less, takes nothing over."""
    ann_s = Item("tea", "Tea", "What ann knows of it.")
    put(tenant, row("ann", "tea", about=ann_s), row("ann", "bread", about=Item("bread", "Bread", "Ann's loaf.")))
    put(tenant, row("bob", "tea", about=Item("tea")), row("bob", "bread", about=Item("bread", "Bread")))
    with tenant.write() as tx:
        assert erase_rows.take_out(tx, users.find_user(tx, "ann"))[0]["items"] == 2
    stored = StoredRecords(tenant)
    assert stored.item("tea") == Item("tea") and stored.item("bread") == Item("bread", "Bread")


def test_a_title_by_the_product_leaves_the_description_with_its_author(tenant):
    put(
        tenant,
        row("ann", "tea", about=Item("tea", "Tea", "What ann knows of it.")),
        row("bob", "tea", about=Item("tea")),
    )
    with tenant.write() as tx:
        set_item(tx, Item("tea", "Green tea"))
    assert StoredRecords(tenant).item("tea") == Item("tea", "Green tea", "What ann knows of it.")
    with tenant.write() as tx:
        erase_rows.take_out(tx, users.find_user(tx, "ann"))
    put(tenant, row("cleo", "tea", about=Item("tea", "Black tea")))
    assert StoredRecords(tenant).item("tea") == Item("tea", "Green tea"), "the product's word stays, with its trust"


def test_what_the_product_says_again_is_its_own(tenant):
    put(tenant, row("ann", "tea", about=Item("tea", "Tea")), consent=Consent(own=True, peer=False))
    with tenant.write() as tx:
        set_item(tx, Item("tea", "Tea"))
        erase_rows.take_out(tx, users.find_user(tx, "ann"))
    put(tenant, row("bob", "tea", about=Item("tea", "Coffee")))
    assert StoredRecords(tenant).item("tea").title == "Tea"


def test_an_item_nobody_has_seen(tenant):
    with pytest.raises(Unknown, match="no item 'tea'"):
        StoredRecords(tenant).item("tea")


def test_a_record_comes_with_its_own_item():
    with pytest.raises(InputError, match="record 'r' is on item 'tea', but came with item 'bread'"):
        NewRecord(Record("r", "ann", "tea", "text"), Item("bread"))


def test_the_latest_records(tenant):
    put(tenant, *(row("ann", f"i{n}", at=n // 2) for n in range(6)), row("bob", "i9", at=99))
    with tenant.read() as tx:
        ann = users.find_user(tx, "ann")
        assert [stored.record.id for stored in records.latest(tx, ann, 3)] == ["ann-i3", "ann-i4", "ann-i5"]
        assert [stored.record.id for stored in records.latest(tx, ann, 99)] == [f"ann-i{n}" for n in range(6)]


def test_a_user_s_records_page_by_page(tenant, monkeypatch):
    monkeypatch.setattr(records, "PAGE_ROWS", 4)
    put(tenant, *(row("ann", f"i{n}", at=n // 2) for n in range(9)), row("bob", "i9", at=99))
    with tenant.read() as tx:
        ann = users.find_user(tx, "ann")
        ids = [f"ann-i{n}" for n in range(8, -1, -1)]
        assert [stored.record.id for stored in records.page(tx, ann, 2, 3)] == ids[2:5]
        assert [stored.record.id for stored in records.latest_first(tx, ann)] == ids
        assert (records.count(tx, ann), records.count(tx)) == (9, 10)


def test_ids_and_numbers_are_found_without_a_key(tenant):
    put(tenant, row("ann"), row("bob"))
    found = numbers(tenant)
    with tenant.read() as tx:
        assert records.ids_of(tx, [*found.values(), 999]) == {number: id_ for id_, number in found.items()}
        owners = {found["ann-tea"]: users.find_user(tx, "ann"), found["bob-tea"]: users.find_user(tx, "bob")}
        assert records.numbers_of(tx, ["ann-tea", "bob-tea", "ann-tea", "none"]) == owners


def test_own_consent_is_the_door_to_a_history(tenant):
    put(tenant, row("ann"), consent=Consent(own=False, peer=True))
    stored = StoredRecords(tenant)
    assert stored.history("ann", ALL) == []
    assert [record.user_id for record in stored.peers("tea", None)] == ["ann"]


def test_peer_consent_is_the_door_to_others(tenant):
    put(tenant, row("ann"), consent=Consent(own=True, peer=False))
    put(tenant, row("bob"))
    stored = StoredRecords(tenant)
    assert [record.user_id for record in stored.peers("tea", None)] == ["bob"]
    assert [record.user_id for record in stored.history("ann", ALL)] == ["ann"]


def test_a_known_user_keeps_the_consent_that_was_given(tenant):
    put(tenant, row("ann", "tea"), consent=Consent(own=True, peer=False))
    put(tenant, row("ann", "bread"), consent=BOTH)
    assert StoredRecords(tenant).peers("bread", None) == []


def test_words_outlive_a_transaction_that_was_rolled_back(address):
    """SQLite gives the number of a user who never came to be to the next one, whose key is another."""
    opened = open_store(address, MASTER)
    tenant = opened.tenant()
    with pytest.raises(ZeroDivisionError), tenant.write() as tx:
        records.put(tx, [row("ghost")], BOTH)
        raise ZeroDivisionError
    put(tenant, row("ann"))
    opened.close()
    again = open_store(address, MASTER)
    assert [record.text for record in StoredRecords(again.tenant()).history("ann", ALL)] == ["ann on tea"]
    again.close()


def test_words_are_not_in_the_database_as_they_are(store, tenant):
    put(tenant, row("ann", text="a canary sings", title="of yellow"))
    with tenant.read() as tx:
        columns = tx.conn.exec_driver_sql("select * from records").one()
    assert not any(word in repr(columns) for word in ("canary", "yellow"))
