"""Profiles: versions with evidence, one of them in force, and what people pinned."""

import pytest

from tests.store.rows import lived_in, numbers, put, row, users
from unlike.privacy.seal import Unreadable
from unlike.store import differences, lineage, profiles
from unlike.store.database import TransactionConflict
from unlike.store.differences import NewDifference
from unlike.store.keyring import Keyring
from unlike.store.profiles import NewProfile, Statement
from unlike.store.records import Unknown
from unlike.store.tables import PROFILES
from unlike.store.users import Consent, set_consent


@pytest.fixture
def ann(tenant):
    """Ann's number, her record's, and the number of a difference of it that read Bob's."""
    put(tenant, row("ann"), row("bob"), row("cleo"))
    there = numbers(tenant)
    with tenant.write() as tx:
        made = differences.put(tx, NewDifference(there["ann-tea"], (there["bob-tea"],), None, "differs", 1, "m"))
    return users(tenant)["ann"], there["ann-tea"], made


def profile_of(ann, *texts):
    user, record, made = ann
    return NewProfile(user, "built", tuple(Statement(text, (record,), 1) for text in texts), (record,), (made,))


def test_a_profile_comes_back_with_evidence_and_lineage(tenant, ann):
    new = profile_of(ann, "writes “ä”", "short")
    with tenant.write() as tx:
        assert profiles.current(tx, ann[0]) is None
        assert profiles.put(tx, new) == 1
        found = profiles.current(tx, ann[0])
        assert found is not None
        assert profiles.lineage_of(tx, found.number) == ((ann[1],), (ann[2],))
        assert profiles.peers_read(tx, found.number) == [numbers(tenant)["bob-tea"]]
    assert (found.version, found.current, found.stale, found.profile) == (1, True, False, new)
    assert found.profile.text == "writes “ä”\nshort"


def test_it_is_sealed_for_everybody_it_goes_back_to(tenant, ann):
    with tenant.write() as tx:
        profiles.put(tx, profile_of(ann, "text"))
        kept = tx.conn.execute(PROFILES.select()).one()
        assert kept.people == sorted(users(tenant)[name] for name in ("ann", "bob"))
        with pytest.raises(Unreadable):
            tx.keys.unseal(tx.conn, [ann[0]], kept.sealed, profiles.place_of(tx, ann[0]))


def test_versions_and_going_back(tenant, ann):
    with tenant.write() as tx:
        assert [profiles.put(tx, profile_of(ann, text)) for text in ("one", "two", "three")] == [1, 2, 3]
        profiles.go_back(tx, ann[0], 1)
        assert profiles.current(tx, ann[0]).profile.text == "one"
        assert [(kept.version, kept.current) for kept in profiles.versions(tx, ann[0])] == [
            (3, False),
            (2, False),
            (1, True),
        ]
        assert profiles.version(tx, ann[0], 2).profile.text == "two"
        assert profiles.put(tx, profile_of(ann, "four")) == 4
        assert profiles.current(tx, ann[0]).version == 4


def test_the_number_of_a_deleted_version_is_not_given_again(tenant, ann):
    bob = users(tenant)["bob"]
    with tenant.write() as tx:
        assert [profiles.put(tx, profile_of(ann, text)) for text in ("one", "two")] == [1, 2]
        lineage.drop_from_others(tx, bob)
        assert profiles.versions(tx, ann[0]) == []
        assert profiles.put(tx, NewProfile(ann[0], "edited", (Statement("three"),))) == 3
        with pytest.raises(Unknown):
            profiles.version(tx, ann[0], 2)


def test_every_version_is_read_at_once(tenant, ann):
    with tenant.write() as tx:
        profiles.put(tx, profile_of(ann, "first"))
        profiles.put(tx, profile_of(ann, "second"))
        found = profiles.every_version(tx, ann[0])
    assert [(each.version, each.profile.statements[0].text) for each in found] == [(2, "second"), (1, "first")]


def test_who_is_erased_between_words_and_keys_outran_the_transaction(tenant, ann, monkeypatch):
    with tenant.write() as tx:
        profiles.put(tx, profile_of(ann, "first"))
    monkeypatch.setattr(Keyring, "_load", lambda self, conn, users: {})
    monkeypatch.setattr(tenant.store, "keys", Keyring(tenant.store.keys.master))  # which has opened none yet
    with pytest.raises(TransactionConflict, match="erased while"):
        tenant.run_with_retry(lambda tx: profiles.current(tx, ann[0]))


def test_a_version_that_is_not_there(tenant, ann):
    with tenant.write() as tx:
        profiles.put(tx, profile_of(ann, "one"))
        for ask in (profiles.version, profiles.go_back):
            with pytest.raises(Unknown, match="no version 2"):
                ask(tx, ann[0], 2)
        assert profiles.current(tx, ann[0]).version == 1


def test_stale_is_the_version_in_force(tenant, ann):
    with tenant.write() as tx:
        profiles.put(tx, profile_of(ann, "one"))
        profiles.put(tx, profile_of(ann, "two"))
        profiles.mark_stale(tx, [ann[0], *range(1000, 3000)])
        assert [kept.stale for kept in profiles.versions(tx, ann[0])] == [True, False]


def test_pins(tenant, ann):
    built, edited = Statement("built", (ann[1],), 1, True), Statement("by hand", (), 0, True, "edited")
    with tenant.write() as tx:
        profiles.put(tx, profile_of(ann, "built"))
        source = profiles.current(tx, ann[0]).number
        profiles.pin(tx, ann[0], [built, edited], source)
        assert profiles.pinned(tx, ann[0]) == [(built, source), (edited, None)]
        profiles.pin(tx, ann[0], [edited])
        assert profiles.pinned(tx, ann[0]) == [(edited, None)]
        profiles.pin(tx, ann[0], [])
        assert profiles.pinned(tx, ann[0]) == []


def test_a_pin_goes_with_the_profile_it_comes_from(tenant, ann):
    built, edited = Statement("built", (ann[1],), 1, True), Statement("by hand", (), 0, True, "edited")
    with tenant.write() as tx:
        profiles.put(tx, profile_of(ann, "built"))
        profiles.pin(tx, ann[0], [built, edited], profiles.current(tx, ann[0]).number)
        tx.conn.execute(PROFILES.delete())
        assert profiles.pinned(tx, ann[0]) == [(edited, None)]


def test_from_what_is_gone_no_profile_is_made(tenant, ann):
    user, record, made = ann
    for gone in (NewProfile(user, "built", (), (record + 99,)), NewProfile(user, "built", (), (), (made + 99,))):
        with pytest.raises(TransactionConflict), tenant.write() as tx:
            profiles.put(tx, gone)
    with tenant.read() as tx:
        assert profiles.current(tx, user) is None


def test_from_words_that_were_withdrawn_no_profile_is_made(tenant, ann):
    with tenant.write() as tx:
        set_consent(tx, users(tenant)["bob"], Consent(own=True, peer=False))
    with pytest.raises(TransactionConflict, match="may not be compared"), tenant.write() as tx:
        profiles.put(tx, profile_of(ann, "text"))


def test_everybody_has_a_profile_of_their_own(tenant):
    world = lived_in(tenant)
    with tenant.read() as tx:
        records = {
            user: profiles.current(tx, number).profile.records for user, number in world.users.items() if user != "dora"
        }
        assert profiles.current(tx, world.users["dora"]) is None
    assert records == {user: (world.records[f"{user}-tea"],) for user in records}
