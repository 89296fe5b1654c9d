"""Tenants see nothing of each other, whatever both do."""

import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.exc import NoResultFound

from tests.store.rows import ANSWER, BOTH, lived_in, put, row, unit
from unlike.store import (
    api_keys,
    audit,
    check,
    clusterings,
    daily_budget,
    differences,
    embeddings,
    erase_rows,
    export,
    jobs,
    journal,
    lineage,
    profiles,
    records,
    users,
)
from unlike.store.differences import NewDifference
from unlike.store.journal import CallToStore
from unlike.store.profiles import NewProfile, Statement
from unlike.store.records import StoredRecords
from unlike.store.tables import EMBEDDINGS, METADATA, RECORDS
from unlike.store.users import Consent

USERS, ITEMS, WORDS = ("ann", "bob"), ("tea", "bread"), ("one", "two")


def write(tx, user, item, words):
    records.put(tx, [row(user, item, words)], BOTH)


def agree(tx, user, item, words):
    """Change a consent, and delete what it no longer covers."""
    if (number := users.find_user(tx, user)) is not None:
        own, peer = words == "one", item == "tea"
        users.set_consent(tx, number, Consent(own, peer))
        if not peer:
            lineage.drop_from_others(tx, number)
        if not (own or peer):
            mine = select(RECORDS.c.id).where(RECORDS.c.user == number)
            tx.conn.execute(delete(EMBEDDINGS).where(EMBEDDINGS.c.record.in_(mine)))


def erase(tx, user, item, words):
    if (number := users.find_user(tx, user)) is not None:
        erase_rows.take_out(tx, number)


def embed(tx, user, item, words):
    embeddings.put(tx, words, {stored.number: unit(len(stored.record.text)) for stored in records.read(tx)})


def compare(tx, user, item, words):
    """Cluster an item and compare the first of its records with the others."""
    willing = [one for one in there(tx, item) if users.consent_of(tx, one.user).peer]
    if willing:
        found = clusterings.put(tx, willing[0].item, words, [[one.number] for one in willing])
        own, *peers = [one.number for one in willing]
        new = NewDifference(own, tuple(peers), found.number, f"{words} differ", len(peers), "m")
        made = differences.put(tx, new)
        statement = Statement(f"likes {words}", (own,), len(peers))
        profiles.put(tx, NewProfile(willing[0].user, "built", (statement,), (own,), (made,)))
        profiles.pin(tx, willing[0].user, [statement])
        asked = CallToStore(
            willing[0].user, "m", "s", [willing[0].record.id], prompt=[{"role": "user", "content": words}]
        )
        journal.put(tx, words, asked, ANSWER | {"text": words})


def ask(tx, user, item, words):
    if (number := users.find_user(tx, user)) is not None:
        jobs.enqueue(tx, "build", [number], len(words))
        audit.note(tx, words, user, {"n": 1})
        daily_budget.add(tx, len(words))


DEEDS = (write, write, embed, compare, ask, agree, erase)
STEPS = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from(DEEDS), st.sampled_from(USERS), st.sampled_from(ITEMS), st.sampled_from(WORDS)
    ),
    max_size=16,
)
EXAMPLES = itertools.count()


def there(tx, item):
    return [stored for stored in records.read(tx) if stored.record.item_id == item]


def seen(tenant):
    """All that a tenant can read, by ids."""
    stored = StoredRecords(tenant)
    with tenant.read() as tx:
        held = {one.number: one.record.id for one in records.read(tx)}
        found = {user: number for user in USERS if (number := users.find_user(tx, user)) is not None}
        items = {one.record.item_id: one.item for one in records.read(tx)}
        groups = {item: clusterings.current(tx, number) for item, number in items.items()}
        return {
            "faults": check.faults(tx),
            "records": (records.count(tx), records.read(tx) and [one.record for one in records.read(tx)]),
            "history": [stored.history(user, (9999, "")) for user in USERS],
            "peers": [stored.peers(item, None) for item in ITEMS],
            "users": (users.count(tx), list(users.with_numbers(tx, users.numbers_of(tx)).values())),
            "vectors": [
                {held[n]: vector.tolist() for n, vector in embeddings.of_records(tx, words, held).items()}
                for words in WORDS
            ],
            "groups": {
                item: [[held[one] for one in group] for group in kept.groups] for item, kept in groups.items() if kept
            },
            "differences": {
                held[number]: (one.difference.text, [held[peer] for peer in one.difference.peers])
                for number, one in differences.current_of(tx, held).items()
            },
            "exports": [told(export.everything_about(tx, number, user)) for user, number in found.items()],
            "calls": [journal.get(tx, words) for words in WORDS],
            "jobs": (jobs.counts(tx.conn, jobs.Scope(tx.tenant)), len(jobs.listed(tx))),
            "audit": [[(line["what"], line["counts"]) for line in audit.about(tx, user)] for user in USERS],
        }


def told(everything):
    """Without the times at which it happened."""
    names = ("records", "profiles", "prompts")
    timeless = {
        name: [{k: v for k, v in one.items() if k != "created_ms"} for one in everything[name]] for name in names
    }
    audits = [line["what"] for line in everything["audit"]]
    agreed = [(one["own"], one["peer"]) for one in everything["consents"]]
    return everything | timeless | {"audit": audits, "consents": agreed}


@given(steps=STEPS)
@example(steps=[(False, deed, "ann", "bread", "two") for deed in (write, embed, agree)])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_sees_what_it_would_see_alone(store, steps):
    n = next(EXAMPLES)
    alone, among, others = (store.tenant(f"{name}-{n}") for name in ("alone", "among", "others"))
    for of_others, deed, *about in steps:
        for tenant in [others] if of_others else [alone, among]:
            with tenant.write() as tx:
                deed(tx, *about)
    assert seen(among) == seen(alone)
    assert seen(among)["faults"] == []


def test_numbers_of_another_tenant_give_nothing(store):
    ours, theirs = store.tenant("ours"), store.tenant("theirs")
    world = lived_in(theirs)
    ann, record = world.users["ann"], world.records["ann-tea"]
    with ours.read() as tx:
        assert records.with_numbers(tx, [record]) == {}
        assert records.latest(tx, ann, 9) == []
        assert embeddings.of_records(tx, "encoder", [record]) == {}
        assert clusterings.current(tx, world.items["tea"]) is None
        assert differences.current_of(tx, [record]) == {}
        assert profiles.current(tx, ann) is None
        assert list(profiles.versions(tx, ann)) == []
        assert profiles.pinned(tx, ann) == []
        assert users.agreeing(tx, [ann]) == users.agreeing_to_compare(tx, [ann]) == set()
        assert jobs.unfinished(tx, "build", [ann]) is False
        with pytest.raises(NoResultFound):
            users.consent_of(tx, ann)


def test_numbers_of_another_tenant_change_nothing(store):
    ours, theirs = store.tenant("ours"), store.tenant("theirs")
    world = lived_in(theirs)
    ann, record = world.users["ann"], world.records["ann-tea"]
    before = rows_of(theirs)
    with ours.write() as tx:
        users.set_consent(tx, ann, Consent(False, False))
        differences.mark_stale(tx, [record])
        differences.sweep(tx, [record])
        profiles.mark_stale(tx, [ann])
        clusterings.sweep(tx, world.items["tea"])
        embeddings.put(tx, "other", {record: unit(1)})
        assert jobs.drop(tx, "build", [ann]) == 0
        own, touched = erase_rows.take_out(tx, ann)
    assert set(own.values()) == set(touched.counts.values()) == {0}
    assert rows_of(theirs) == before


def rows_of(tenant):
    with tenant.read() as tx:
        return {
            table.name: repr(
                tx.conn.execute(table.select().where(table.c.tenant == tenant.id).order_by(table.c.id)).all()
            )
            for table in METADATA.sorted_tables
            if "tenant" in table.c
        }


def test_a_key_is_of_one_tenant(store):
    with store.tenant("ours").write() as tx:
        ours = api_keys.new(tx, "web")
    with store.tenant("theirs").write() as tx:
        theirs = api_keys.new(tx, "web")
    assert api_keys.find(store, ours).tenant.name == "ours"
    assert api_keys.find(store, theirs).tenant.name == "theirs"


def test_one_tenant_has_one_name(store):
    put(store.tenant("ours"), row())
    assert [tenant.name for tenant in store.tenants()] == ["ours"]
    assert store.tenant("ours").id == store.tenant("ours").id
