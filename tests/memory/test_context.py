"""What requests are written from is kept open as long as nothing of it changes, whoever changes it."""

import asyncio
import time

import pytest
from sqlalchemy import event

from tests.memory.town import lived_in, memory_of, row, settle
from unlike.errors import InputError
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Evidence
from unlike.memory.context import MAX_KEPT, ProfileContextCache
from unlike.records import Item
from unlike.store.database import Store
from unlike.store.users import Consent


def run(work):
    return asyncio.run(work)


@pytest.fixture
def memory(store):
    """A town whose profiles are built; another process may change the same store."""
    return lived_in(store, llm=ScriptedBackend.echo())


@pytest.fixture
def contexts(memory):
    return ProfileContextCache(memory.tenant, memory.settings)


def context(contexts, user_id="ann"):
    return contexts.of(user_id, "tea")[0]


def statements_during(store: Store, work, monkeypatch):
    """The queries of SQLAlchemy, and those that go to the driver."""
    seen, rows = [], store.rows
    event.listen(store.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    with monkeypatch.context() as patch:
        patch.setattr(store, "rows", lambda query, values: seen.append(query.string) or rows(query, values))
        work()
    return [statement for statement in seen if statement.startswith("SELECT")]


def test_a_second_request_asks_one_statement(memory, contexts, monkeypatch):
    first = context(contexts)
    assert first.rung == "full" and first.past and first.profile and first.others.texts
    asked = statements_during(memory.tenant.store, lambda: context(contexts), monkeypatch)
    assert len(asked) == 1
    assert context(contexts) is first


def test_a_new_text_of_a_record_s_item_is_seen_at_once(memory, contexts):
    context(contexts, "ann")
    run(memory_of(memory.tenant.store).set_item(Item("bread", "Rye bread", "Dark.")))
    after, asked_for = contexts.of("ann", "tea")
    assert {item.title for item in after.items} == {"Title of tea", "Rye bread"} and asked_for.title == "Title of tea"
    assert context(contexts, "ann") is after


def test_who_has_no_profile_is_read_again_after_some_seconds(memory, contexts, monkeypatch):
    first = context(contexts, "nobody")
    assert first.rung == "plain"
    assert context(contexts, "nobody") is first
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    assert context(contexts, "nobody") is not first


CHANGES = {
    "a record": lambda memory: memory.add([row("ann", "salt", "Coarse, and I like it so.")], Consent(peer=True)),
    "own consent": lambda memory: memory.set_consent("ann", own=False),
    "an edit": lambda memory: memory.edit("ann", [Evidence("Writes two words.")]),
    "erasure": lambda memory: memory.erase("ann"),
    "the erasure of another": lambda memory: memory.erase("bob"),
    "another who takes consent back": lambda memory: memory.set_consent("bob", peer=False),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_is_seen_at_once_also_where_another_process_changes_it(memory, contexts, what):
    before = context(contexts)
    run(CHANGES[what](memory_of(memory.tenant.store, llm=ScriptedBackend.echo())))
    after = context(contexts)
    fresh = context(ProfileContextCache(memory.tenant, memory.settings))
    assert after is not before
    assert (after.rung, after.why, after.past, after.profile) == (fresh.rung, fresh.why, fresh.past, fresh.profile)
    assert after.others.texts == fresh.others.texts
    assert (after.past, after.profile, after.others.texts) != (before.past, before.profile, before.others.texts)


def test_a_profile_built_anew_is_used(memory, contexts):
    before = context(contexts)
    run(memory.add([row("ann", "salt", "Coarse, and I like it so.")], Consent(peer=True)))
    settle(memory)
    assert context(contexts).profile.version > before.profile.version


def test_an_item_is_what_is_known_of_it_now(memory, contexts):
    contexts.of("ann", "salt")
    run(memory.add([row("zoe", "salt", "Fine.")], Consent()))
    assert contexts.of("ann", "salt")[1].title == "Title of salt"


def test_nothing_stays_open_for_ever(memory, contexts, monkeypatch):
    monkeypatch.setattr("unlike.memory.context.MAX_KEPT", 2)
    assert MAX_KEPT > 2
    first = context(contexts, "ann")
    for user in ("bob", "cleo"):
        context(contexts, user)
    assert context(contexts, "ann") is not first
    kept = context(contexts, "ann")
    contexts.clear()
    assert context(contexts, "ann") is not kept


def test_half_a_character_is_an_error_that_says_so(memory, contexts):
    with pytest.raises(InputError, match="half a character"):
        contexts.of("\ud800", "tea")
