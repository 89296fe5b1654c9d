"""A chat made personal: what is known of the user stands before the caller's messages, and these stay as they are."""

import asyncio

import pytest

from tests.memory.town import ITEMS, lived_in, memory_of, row, town
from tests.store.rows import BOTH
from unlike.llm.backend import Sampling
from unlike.llm.scripted import ScriptedBackend
from unlike.memory import spending
from unlike.store import daily_budget
from unlike.store.daily_budget import BudgetSpent

SYSTEM = {"role": "system", "content": "Answer in French."}
ASKED = {"role": "user", "content": "Write to the landlord."}


def personal(memory, *messages, user_id="ann", item_id=None):
    return asyncio.run(memory.prepare_chat(messages or (ASKED,), Sampling(), user_id, item_id))


def messages_of(made):
    return list(made.draft.call.messages)


def salt_of(made):
    return made.draft.call.sampling.cache_salt


def briefly(_messages, _sampling):
    return "Writes briefly."


def llm(**more):
    return ScriptedBackend(briefly, **more)


def test_the_users_part_stands_before_the_callers(store):
    memory = lived_in(store, llm=llm())
    made = personal(memory, SYSTEM, ASKED)
    first, *rest = messages_of(made)
    assert first["role"] == "system" and "Writes briefly." in first["content"]
    assert rest == [SYSTEM, ASKED]
    assert (made.context.rung, made.context.profile_version) == ("full", 1)
    assert "What ann has to say of" in first["content"]
    assert not [user for user in ("bob", "cleo", "dora") if user in first["content"]]


def test_the_guard_gets_what_others_wrote(in_sqlite):
    made = personal(lived_in(in_sqlite, llm=llm()))
    assert set(made.guard.others.texts) == {
        f"What {user} has to say of {item}." for user in ("bob", "cleo", "dora") for item in ITEMS
    }


def test_of_an_item_what_is_known_is_said(in_sqlite):
    memory = lived_in(in_sqlite, llm=llm())
    assert messages_of(personal(memory, item_id="tea"))[0]["content"].count("Title of tea") == 2
    assert messages_of(personal(memory, item_id="wine")) == messages_of(personal(memory))


def test_whoever_is_not_known_has_no_part(in_sqlite):
    memory = lived_in(in_sqlite, llm=llm())
    asyncio.run(memory.set_consent("bob", own=False))
    for user_id in ("stranger", "bob"):
        made = personal(memory, SYSTEM, ASKED, user_id=user_id)
        assert messages_of(made) == [SYSTEM, ASKED]
        assert made.context.rung == "plain" and not made.guard.others.texts


def test_what_does_not_fit_is_left_out_and_never_the_callers(in_sqlite):
    rows = [row("ann", item, f"All about {item}. " * 60) for item in ITEMS] + town()[2:]
    lived_in(in_sqlite, rows, llm())
    sizes = {}
    for context in (100, 500, 4_000):
        made = personal(memory_of(in_sqlite, llm(context_tokens=context)), SYSTEM, ASKED)
        text = messages_of(made)[0]["content"]
        sizes[context] = ("Writes briefly." in text, "All about" in text)
        assert messages_of(made)[-2:] == [SYSTEM, ASKED]
    assert sizes == {100: (False, False), 500: (True, False), 4_000: (True, True)}


def test_no_budget_no_chat(in_sqlite, monkeypatch):
    memory = lived_in(in_sqlite, llm=llm())
    assert messages_of(personal(memory))
    with memory.tenant.write() as tx:
        daily_budget.set_budget(tx, 0)
    monkeypatch.setattr(spending, "EVERY_S", 0.0)  # that there is one now is looked up once a second
    with pytest.raises(BudgetSpent):
        personal(memory)


def test_others_share_no_cache(in_sqlite):
    memory = lived_in(in_sqlite, llm=llm())
    first, again, other = (salt_of(personal(memory, user_id=user)) for user in ("ann", "ann", "bob"))
    assert first == again != other
    asyncio.run(memory.add([row("eve")], BOTH))
    assert salt_of(personal(memory, user_id="eve"))
