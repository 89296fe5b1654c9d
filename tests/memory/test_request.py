"""A request is one LLM call, and its prompt holds what it should and of nobody else anything."""

import asyncio
import re

import pytest

from tests.memory.town import PEOPLE, START_MS, lived_in, memory_of, opened_records, row, settle, town
from tests.store.rows import BOTH
from unlike.errors import CallFailed, EngineError, InputError
from unlike.llm.backend import Sampling, messages_digest
from unlike.llm.scripted import ScriptedBackend
from unlike.memory import request
from unlike.memory.answers import Request, Written
from unlike.memory.context import ProfileContext
from unlike.memory.request import salt_of
from unlike.records import Item
from unlike.store.records import Unknown


def ask(memory, *args, **more):
    return asyncio.run(memory.generate(Request(*args, **more)))


def prompt_of(llm):
    return "\n".join(message["content"] for message in llm.calls[-1][0])


def own_words(messages, sampling):
    """Other words to each prompt and seed, and none of the prompt's."""
    return f"Writes briefly. {messages_digest(messages)} {sampling.seed}."


@pytest.fixture
def llm():
    return ScriptedBackend(own_words)


def test_one_call_of_which_nothing_is_kept(store, llm):
    memory = lived_in(store, llm=llm)
    before, called = asyncio.run(memory.export("ann")), llm.n_calls
    answer = ask(memory, "ann", "tea", max_tokens=33, temperature=0.1, top_p=0.5, seed=7)
    assert llm.n_calls == called + 1
    sampling = llm.calls[-1][1]
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.seed) == (33, 0.1, 0.5, 7)
    assert asyncio.run(memory.export("ann")) == before
    assert answer.text and answer.prompt_tokens == llm.count_tokens(llm.calls[-1][0])
    assert ask(memory, "ann", "tea", max_tokens=33, temperature=0.1, top_p=0.5, seed=7) == answer


def test_what_the_prompt_holds(in_sqlite, llm):
    memory = lived_in(in_sqlite, llm=llm)
    statements = asyncio.run(memory.profile("ann")).statements
    ask(memory, "ann", "tea", title="Warm at last", rating=4.0)
    prompt = prompt_of(llm)
    assert all(statement.text in prompt for statement in statements)
    assert "Warm at last" in prompt and "Rating: 4" in prompt and "Title of tea" in prompt
    assert not set(PEOPLE) & set(re.findall(r"\w+", prompt.replace("What ann has", "")))


@pytest.mark.parametrize("rating", [1, 2.5, 5.0])
def test_a_rating_as_people_write_it(in_sqlite, llm, rating):
    memory = lived_in(in_sqlite, llm=llm)
    ask(memory, "ann", "tea", rating=rating)
    assert f"Rating: {rating:g}" in prompt_of(llm)


def test_an_item_the_memory_does_not_know(store, llm):
    memory = lived_in(store, llm=llm)
    with pytest.raises(Unknown, match="no item 'wine'; send what is known of it"):
        ask(memory, "ann", "wine")
    with pytest.raises(InputError, match="item_id"):
        ask(memory, "ann", "")
    answer = ask(memory, "ann", "wine", item=Item("wine", "A red one", "From the south."))
    assert answer.rung == "full"
    assert "A red one" in prompt_of(llm) and "From the south." in prompt_of(llm)
    with pytest.raises(Unknown):
        asyncio.run(memory.item("wine"))


def test_what_is_sent_of_an_item_counts(in_sqlite, llm):
    memory = lived_in(in_sqlite, llm=llm)
    ask(memory, "ann", "tea", item=Item("tea", "Another tea"))
    assert "Another tea" in prompt_of(llm)


def test_ids_are_the_same_however_their_characters_are_composed(store, llm):
    jose, cafe = "Jos\u00e9", "Caf\u00e9"
    other_jose, other_cafe = "Jose\u0301", "Cafe\u0301"
    memory = lived_in(store, town(("ann", "bob", "cleo", jose), ("tea", cafe)), llm)
    written = ask(memory, jose, cafe, retrieved=3)
    assert ask(memory, other_jose, other_cafe, retrieved=3) == written
    assert prompt_of(llm).count(f"What {jose} has to say of") == 2
    assert asyncio.run(memory.item(other_cafe)).title == f"Title of {cafe}"
    assert Request(other_jose, other_cafe) == Request(jose, cafe)
    chats = [
        asyncio.run(memory.prepare_chat([{"role": "user", "content": "Write."}], Sampling(), *ids)).draft.call
        for ids in ((jose, cafe), (other_jose, other_cafe))
    ]
    assert chats[0] == chats[1] and f"Title of {cafe}" in chats[0].messages[0]["content"]


def test_retrieved_records_stand_in_the_place_of_the_latest(in_sqlite, llm):
    rows = [
        *town(),
        row(
            "ann",
            "kettle",
            "The kettle whistles like a train.",
            at=START_MS + 100,
            about=Item("kettle", "Steel kettle"),
        ),
        *(row("ann", f"book{n}", f"Chapter {n} dragged on.", at=START_MS + 200 + n) for n in range(6)),
    ]
    memory = lived_in(in_sqlite, rows, llm)
    ask(memory, "ann", "pot", item=Item("pot", "Another steel kettle"))
    assert "whistles" not in prompt_of(llm) and "Chapter 5" in prompt_of(llm)
    ask(memory, "ann", "pot", item=Item("pot", "Another steel kettle"), retrieved=1)
    assert "whistles" in prompt_of(llm) and "Chapter" not in prompt_of(llm)
    assert ask(memory, "stranger", "tea", retrieved=3).rung == "plain"
    asyncio.run(memory.set_consent("ann", own=False))
    ask(memory, "ann", "tea", retrieved=3)
    assert "What ann has" not in prompt_of(llm)


def test_only_the_latest_records_are_searched(in_sqlite, llm, monkeypatch):
    rows = [row("ann", f"book{n}", f"Chapter {n} dragged on.", at=START_MS + 200 + n) for n in range(6)]
    memory = lived_in(in_sqlite, [*town(), *rows], llm)
    ask(memory, "ann", "tea")
    monkeypatch.setattr(request, "MAX_SEARCHED", 3)
    opened = opened_records(monkeypatch)
    ask(memory, "ann", "tea", retrieved=5)
    assert sorted(opened) == ["ann-book3", "ann-book4", "ann-book5"]
    assert "Chapter 3" in prompt_of(llm) and "Chapter 2" not in prompt_of(llm)


def test_a_prompt_made_to_fit(in_sqlite):
    llm = ScriptedBackend(lambda *_: "Short.", context_tokens=700)
    rows = [row("ann", item, f"All about {item}. " * 100, at=START_MS + n) for n, item in enumerate(("tea", "bread"))]
    memory = lived_in(in_sqlite, rows + town()[2:], llm)
    ask(memory, "ann", "tea", max_tokens=100)
    assert llm.count_tokens(llm.calls[-1][0]) <= 600
    called = llm.n_calls
    with pytest.raises(InputError, match="does not fit"):
        ask(memory, "ann", "tea", title="word " * 10_000, max_tokens=100)
    assert llm.n_calls == called
    ask(memory, "ann", "tea", max_tokens=700)
    assert llm.calls[-1][1].max_tokens == 350, "an answer gets at most half of the context"


def test_streamed_is_the_same(in_sqlite, llm):
    memory = lived_in(in_sqlite, llm=llm)
    request = Request("ann", "tea", seed=3)

    async def read():
        return [piece async for piece in memory.stream(request)]

    *pieces, whole = asyncio.run(read())
    assert len(pieces) > 1 and isinstance(whole, Written)
    assert "".join(pieces) == whole.text and whole == asyncio.run(memory.generate(request))


@pytest.mark.parametrize("error", [CallFailed("no"), EngineError("down")])
def test_an_engine_that_fails_is_told(in_sqlite, error):
    def fails(_messages, _sampling):
        raise error

    memory = memory_of(in_sqlite, ScriptedBackend(fails))
    asyncio.run(memory.add([row()], BOTH))
    with pytest.raises(type(error)):
        ask(memory, "ann", "tea")


def test_engines_share_no_cache_between_people_or_versions(in_sqlite, llm):
    memory = lived_in(in_sqlite, llm=llm)

    def salt(user_id):
        ask(memory, user_id, "tea")
        return llm.calls[-1][1].cache_salt

    first = salt("ann")
    assert salt("ann") == first != salt("bob")
    asyncio.run(memory.edit("ann", []))
    asyncio.run(memory.go_back("ann", 1))
    assert salt("ann") == first
    asyncio.run(memory.set_consent("ann", own=False))
    asyncio.run(memory.set_consent("ann", own=True))
    settle(memory)
    assert salt("ann") != first, "this is another text, though the others are deleted"
    nobody = ProfileContext("plain", "")
    assert salt_of(in_sqlite.tenant("other"), nobody) != salt_of(memory.tenant, nobody)
