"""Prompts of builds, texts and chats: kept where the settings say so, sealed, for whom they were made, gone with their words."""

import asyncio
import json

import pytest

from tests.memory.test_erase import BIRD, with_canary
from tests.memory.town import faults, is_in, lived_in, memory_of, on_disk, opened, prompts_with, row, settle, town
from unlike.errors import CallFailed
from unlike.llm.backend import Sampling
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Request
from unlike.memory.settings import MemorySettings, Retention
from unlike.records import Item
from unlike.store.records import Unknown
from unlike.writing.draft import WRITING_STEPS

TEXT = WRITING_STEPS[MemorySettings().method.layout]
ASKS = [{"role": "user", "content": "What to say of tea to ada@example.com?"}]


def run(work):
    return asyncio.run(work)


def said(messages, _sampling):
    return "Writes briefly."


def kept(memory, user):
    return run(memory.prompts(user)).rows


def words_of(memory, user):
    return json.dumps([one.messages for one in kept(memory, user)])


async def chat(memory, user):
    prepared = await memory.prepare_chat(ASKS, Sampling(max_tokens=20), user, "tea")
    return await memory.write(prepared)


@pytest.fixture
def memory(store):
    return lived_in(store, with_canary(), ScriptedBackend(said), keep_prompts=True)


def test_by_default_none_is_kept(in_sqlite):
    memory = lived_in(in_sqlite, llm=ScriptedBackend(said))
    run(memory.generate(Request("ann", "tea")))
    assert kept(memory, "ann") == () and opened(memory)["prompts"] == []


def test_what_was_sent_can_be_read(memory):
    llm = memory.backend
    builds = {one.step for one in kept(memory, "ann")}
    assert builds == {"difference", "summary"}
    run(memory.generate(Request("ann", "tea")))
    first, *_ = kept(memory, "ann")
    assert list(first.messages) == [dict(message) for message in llm.calls[-1][0]]
    assert (first.step, first.model, first.shows_others) == (TEXT, llm.model, False)

    async def streamed():
        return [piece async for piece in memory.stream(Request("ann", "tea"))]

    run(streamed())
    run(chat(memory, "ann"))
    assert [one.step for one in kept(memory, "ann")][:3] == ["chat", TEXT, TEXT]
    assert "What to say of tea" in kept(memory, "ann")[0].messages[-1]["content"]
    assert "ada@example.com" not in words_of(memory, "ann"), "identifiers are removed"
    assert not faults(memory)


def test_of_whom_nothing_may_be_used_none_is_kept(memory):
    run(memory.set_consent("ann", own=False))
    assert kept(memory, "ann") == (), "those that were there are gone"
    run(memory.generate(Request("ann", "tea")))
    run(memory.generate(Request("nobody known", "tea")))
    run(chat(memory, None))
    assert kept(memory, "ann") == ()
    with pytest.raises(Unknown):
        run(memory.prompts("nobody known"))


def test_one_whose_call_fails_is_kept_all_the_same(memory):
    def fails(messages, sampling):
        raise CallFailed("no")

    memory.backend._answer = fails
    with pytest.raises(CallFailed):
        run(memory.generate(Request("ann", "tea")))
    assert kept(memory, "ann")[0].step == TEXT


def test_a_prompt_that_cannot_be_kept_costs_no_text(memory, monkeypatch, caplog):
    def locked(*_):
        raise Unknown("gone")

    monkeypatch.setattr("unlike.memory.memory.keep_prompt", locked)
    assert run(memory.generate(Request("ann", "tea"))).text
    assert "was not kept: Unknown" in caplog.text


def test_an_export_has_the_user_s_own_and_no_words_of_others(memory):
    run(memory.generate(Request("ann", "tea")))
    prompts = run(memory.export("ann"))["prompts"]
    assert prompts[0]["step"] == TEXT and "What ann has to say" in json.dumps(prompts[0]["messages"])
    assert {one["step"] for one in prompts if one["messages"] is None} == {"difference", "summary"}
    assert "Quokkas" in words_of(memory, "ann") and "Quokkas" not in json.dumps(prompts)


@pytest.mark.parametrize("how", ["erased", "withdrawn", "own record deleted"])
def test_after_which_no_byte_is_left(store, how):
    """The canary's words are in prompts of the others' builds, and in the user's own."""
    memory = lived_in(store, with_canary(), ScriptedBackend(said), keep_prompts=True)
    for user in ("ann", BIRD):
        run(memory.generate(Request(user, "tea")))
    assert "Quokkas" in words_of(memory, "ann") and "Quokkas" in words_of(memory, BIRD)
    sealed = prompts_with(memory, "Quokkas")
    assert len(sealed) > 3
    if how == "erased":
        run(memory.erase(BIRD))
    elif how == "withdrawn":
        run(memory.set_consent(BIRD, peer=False, own=False))
    else:
        own = [record.id for record in run(memory.records(BIRD)).rows]
        for record_id in own:
            run(memory.delete_record(record_id))
    left = on_disk(store)
    assert not [value for value in sealed if value in left or value.hex().encode() in left]
    assert not prompts_with(memory, "Quokkas") and not is_in("Quokkas", left)
    settle(memory)
    run(memory.generate(Request("ann", "tea")))
    assert not prompts_with(memory, "Quokkas") and not faults(memory)


def test_it_goes_with_whoever_described_the_item(store):
    """The item's text is in prompts of all who wrote on it."""
    described = row("cleo", "soup", about=Item("soup", "Soup", "Boiled by cleo's canary."))
    bare = row("ann", "soup", at=described.record.timestamp + 1, about=Item("soup"))
    memory = lived_in(store, [*town(), described, bare], ScriptedBackend(said), keep_prompts=True)
    run(memory.generate(Request("ann", "soup")))
    assert "cleo's canary" in words_of(memory, "ann")
    run(memory.erase("cleo"))
    assert "cleo's canary" not in "".join(opened(memory)["prompts"]) and not faults(memory)


def test_they_expire_with_calls(memory):
    run(memory.generate(Request("ann", "tea")))
    now = memory.tenant.store.now_ms()
    memory.tenant.store.now_ms = lambda: now + 11 * 86_400_000
    later = memory_of(memory.tenant.store, retention=Retention(calls=10))
    assert run(later.expire())["calls"] and kept(later, "ann") == ()
