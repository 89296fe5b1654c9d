"""Users in pages, and what they agreed to."""

import pytest

from tests.store.rows import lived_in, put, row
from unlike.store import profiles, users
from unlike.store.users import Consent


def names(tx, **how):
    return [kept.user_id for kept in users.with_numbers(tx, users.numbers_of(tx, **how)).values()]


@pytest.fixture
def four(tenant):
    put(tenant, row("ann", "a", at=9), row("ann", "b", at=3), row("bob", "a", at=5), row("50%", "a", at=7))
    put(tenant, row("Ann_2", "a", at=1), consent=Consent(own=False, peer=False))
    return tenant


def test_orders_and_pages(four):
    with four.read() as tx:
        assert names(tx) == ["50%", "Ann_2", "ann", "bob"]
        assert names(tx, sort="records")[0] == "ann"
        assert names(tx, sort="recent") == ["ann", "50%", "bob", "Ann_2"]
        assert names(tx, offset=1, limit=2) == ["Ann_2", "ann"]
        assert users.count(tx) == 4


def test_a_search_takes_its_words_as_they_are(four):
    with four.read() as tx:
        assert names(tx, search="%") == ["50%"]
        assert names(tx, search="_") == ["Ann_2"]
        assert users.count(tx, search="nn") == 2


def test_a_search_finds_a_name_however_its_characters_are_composed(tenant):
    put(tenant, row("Jos\u00e9", "a", at=1))
    with tenant.read() as tx:
        assert names(tx, search="se\u0301") == ["Jos\u00e9"]


def test_a_row_says_what_there_is(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        profiles.mark_stale(tx, [world.users["ann"]])
        found = {kept.user_id: kept for kept in users.with_numbers(tx, users.numbers_of(tx)).values()}
    assert found["ann"] == users.UserRow("ann", 1, True, True, 1, True, 1000)
    assert found["dora"] == users.UserRow("dora", 1, True, True, None, False, 1000)


def test_consent(four):
    with four.write() as tx:
        ann, second = users.find_user(tx, "ann"), users.find_user(tx, "Ann_2")
        assert users.consent_of(tx, ann) == Consent(True, True)
        users.set_consent(tx, ann, Consent(own=True, peer=False))
        users.set_consent(tx, second, Consent(own=False, peer=True))
        assert users.consent_of(tx, ann) == Consent(True, False)
        assert users.agreeing(tx, [ann, second, *range(1000, 3000)]) == {ann}
        assert users.agreeing_to_compare(tx, [ann, second]) == {second}
