"""Prompts of builds, texts and chats: kept where the settings say so, sealed, for whom they were made, gone with their words."""

import asyncio
import json
import threading

import pytest

from tests.memory.test_erase import BIRD, with_canary
from tests.memory.town import (
    REDACTOR,
    SIGNER,
    TASK,
    faults,
    is_in,
    lived_in,
    memory_of,
    on_disk,
    opened,
    prompts_with,
    row,
    settle,
    town,
)
from tests.store.rows import BOTH
from unlike.embed.hashing import HashingEncoder
from unlike.errors import CallFailed
from unlike.inspector.store.inspection import Inspection
from unlike.llm.backend import Messages, Sampling
from unlike.llm.forecast import PlaceholderBackend
from unlike.llm.request_priority import RequestPriority
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Request
from unlike.memory.build_all import forecast_build
from unlike.memory.erase import erase as erase_now
from unlike.memory.open import MemoryParts
from unlike.memory.retention import expire
from unlike.memory.sealed_journal import keep_prompt
from unlike.memory.settings import MemorySettings, Retention
from unlike.memory.settings_file import MemoryFile
from unlike.records import Item
from unlike.store import daily_budget
from unlike.store.records import Unknown
from unlike.store.tables import JOURNAL
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


def with_soup(store, llm=None):
    """Zed describes soup, of which ann has written too; it is in the prompts of all who wrote on it."""
    described = row("zed", "soup", about=Item("soup", "Soup", "Boiled by zed's canary."))
    bare = row("ann", "soup", at=described.record.timestamp + 1, about=Item("soup"))
    return lived_in(store, [*town(), described, bare], llm or ScriptedBackend(said), keep_prompts=True)


def no_canary(memory):
    return "zed's canary" not in "".join(opened(memory)["prompts"]) and not faults(memory)


GOES = {
    "erased": lambda memory: memory.erase("zed"),
    "withdrawn": lambda memory: memory.set_consent("zed", own=False),
}


@pytest.mark.parametrize("how", GOES)
def test_it_goes_with_whoever_described_the_item(store, how):
    memory = with_soup(store)
    run(memory.generate(Request("ann", "soup")))
    assert "zed's canary" in words_of(memory, "ann")
    run(GOES[how](memory))
    assert no_canary(memory)
    settle(memory)
    run(memory.generate(Request("ann", "soup")))
    assert no_canary(memory)


@pytest.mark.parametrize("how", GOES)
@pytest.mark.parametrize("then", ["nothing", "someone else describes it"])
def test_it_is_not_kept_where_they_go_after_it_was_made(store, how, then, caplog):
    """What counts are the words in the prompt, not who describes the item by then."""
    memory = with_soup(store)

    async def goes_in_between():
        prepared = await memory.prepare_chat(ASKS, Sampling(max_tokens=20), "ann", "soup")
        assert "zed's canary" in prepared.draft.call.messages[0]["content"]
        await GOES[how](memory_of(store))
        if then != "nothing":
            await memory.set_item(Item("soup", "Broth", "In our own words."))
        return await memory.write(prepared)

    assert run(goes_in_between()).text
    assert "was not kept: TransactionConflict" in caplog.text and no_canary(memory)
    assert "chat" not in {one.step for one in kept(memory, "ann")}


def test_a_build_in_which_they_go_keeps_its_answer_and_not_its_prompt(store):
    def answers(messages, sampling):
        if "zed's canary" in json.dumps(messages):
            erase_now(store.tenant("acme"), "zed")
        return said(messages, sampling)

    memory = with_soup(store, ScriptedBackend(answers))
    assert run(memory.profile("ann")).statements and no_canary(memory)


def test_what_is_cached_for_requests_is_not_sent_once_they_are_gone(store):
    memory, llm = with_soup(store), ScriptedBackend(said)
    memory = memory_of(store, llm, keep_prompts=True)
    run(chat(memory, "ann"))
    assert "zed's canary" in json.dumps(llm.calls[-1][0])
    run(memory_of(store).erase("zed"))  # as by another process, which does not tell this one
    run(chat(memory, "ann"))
    assert "zed's canary" not in json.dumps(llm.calls[-1][0]) and no_canary(memory)


def test_what_a_caller_tells_of_an_item_is_the_user_s(memory):
    """It is neither looked up nor taken for what the store holds of the item."""
    run(memory.generate(Request("ann", "tea", item=Item("tea", "Tea", "As the caller puts it."))))
    assert "As the caller puts it." in words_of(memory, "ann") and not faults(memory)


def test_what_a_chat_has_no_room_for_is_not_in_the_lineage(memory):
    memory.backend.context_tokens = 100
    prepared = run(memory.prepare_chat(ASKS, Sampling(max_tokens=20), "ann", "tea"))
    call = prepared.draft.call
    assert (len(call.messages), call.record_ids, call.items, prepared.shows_profile) == (1, (), (), False)
    run(memory.write(prepared))
    with memory.tenant.read() as tx:
        row = tx.conn.execute(JOURNAL.select().where(JOURNAL.c.step == "chat")).one()
        assert (row.people, row.profile) == ([row.user], None)


def test_the_llm_is_asked_before_it_is_kept(memory, monkeypatch):
    asked = threading.Event()

    def answers(messages, sampling):
        asked.set()
        return said(messages, sampling)

    def keeps(tenant, call):
        assert asked.wait(120), "the LLM is asked meanwhile"
        keep_prompt(tenant, call)

    memory.backend._answer = answers
    monkeypatch.setattr("unlike.memory.memory.keep_prompt", keeps)
    run(memory.generate(Request("ann", "tea")))
    assert kept(memory, "ann")[0].step == TEXT


@pytest.mark.parametrize(("method", "shows_others"), [("non_perso", False), ("stored_profile", False), ("dpl", True)])
def test_the_playground_s_texts_are_no_exception(memory, method, shows_others):
    async def play():
        return [event async for event in Inspection(memory).play(Request("cleo", "tea", max_tokens=20), method)]

    *_, played = run(play())
    (one, *_) = kept(memory, "cleo")
    assert played.text and (one.step, one.shows_others) == (TEXT, shows_others)
    assert list(one.messages) == [dict(message) for message in memory.backend.calls[-1][0]]
    run(memory.erase("bob"))
    assert (TEXT in {one.step for one in kept(memory, "cleo")}) == (method == "non_perso") and not faults(memory)


def test_they_expire_with_calls(memory):
    run(memory.generate(Request("ann", "tea")))
    now = memory.tenant.store.now_ms()
    memory.tenant.store.now_ms = lambda: now + 11 * 86_400_000
    later = memory_of(memory.tenant.store, retention=Retention(calls=10))
    assert expire(later.tenant, later.settings.retention)["calls"] and kept(later, "ann") == ()


def test_a_forecast_keeps_none(in_sqlite, monkeypatch):
    """Neither in the copy of the store nor in the memory of what counts the tokens."""
    asked, backend = list[Messages](), ScriptedBackend.echo()
    monkeypatch.setattr(backend, "count_tokens", lambda messages: asked.append(messages) or 1)
    memory = memory_of(in_sqlite, keep_prompts=True)
    run(memory.add(town(), BOTH))
    with memory.tenant.write() as tx:
        daily_budget.set_budget(tx, 1)  # it is for calls that are made
    file = MemoryFile(memory={"keep_prompts": True}, refresh={"debounce_s": 0.0})
    parts = MemoryParts(backend, HashingEncoder(64), REDACTOR, SIGNER, TASK, file, RequestPriority(backend))
    monkeypatch.setattr("unlike.store.journal.place_of_prompt", lambda *_: pytest.fail("a prompt is sealed"))
    counted = run(forecast_build(memory.tenant, parts, None))
    assert counted.n_profiles == 4 and counted.n_calls == 12 and len({str(messages) for messages in asked}) == 12
    placeholder = PlaceholderBackend(backend)
    run(placeholder.complete(ASKS, Sampling(max_tokens=5)))
    assert placeholder.calls == []
