"""The playground and comparisons without a server: whose texts are opened."""

import asyncio

import pytest

from tests.memory.town import lived_in, memory_of, opened_records, row, settle, town
from tests.store.conftest import empty_file, in_sqlite  # noqa: F401 - fixtures
from tests.store.rows import BOTH
from unlike.embed.hashing import HashingEncoder
from unlike.inspector.store.inspection import Inspection
from unlike.inspector.store.others import PeersWithoutTexts, StoredVectorSelector
from unlike.memory.answers import Request
from unlike.memory.vectors import StoredVectors
from unlike.peers.selectors import SELECTORS, open_selector
from unlike.records import others_on
from unlike.settings import MethodSettings
from unlike.store.records import StoredRecords

PEOPLE = [f"user{n}" for n in range(9)]
LAST, K = PEOPLE[-1], 2
METHOD = MethodSettings(n_peers=K, max_tokens=64)


@pytest.fixture
def memory(in_sqlite):  # noqa: F811
    return lived_in(in_sqlite, town(PEOPLE), method=METHOD)


def play(memory, method):
    async def events():
        return [event async for event in Inspection(memory).play(Request(LAST, "tea"), method)]

    return asyncio.run(events())


def test_the_choice_of_methods_opens_no_text_of_others(memory, monkeypatch):
    found = opened_records(monkeypatch)
    options = asyncio.run(Inspection(memory).options(Request(LAST, "tea")))
    assert (options.real.id, options.n_peers) == (f"{LAST}-tea", 8)
    assert {record_id.split("-")[0] for record_id in found} == {LAST}


def test_of_others_a_method_opens_the_representatives_alone(memory, monkeypatch):
    found = opened_records(monkeypatch)
    *prompts, _ = play(memory, "dpl")
    compared = {one for one in found if not one.startswith(LAST) and one.endswith("-bread")}
    prompt = str(next(one.messages for one in prompts if getattr(one, "step", "") == "difference"))
    assert len(compared) == K
    assert all(f"What {one.split('-')[0]} has to say of bread." in prompt for one in compared)


def why(memory, method, user=LAST, item="tea"):
    async def events():
        return [event async for event in Inspection(memory).play(Request(user, item), method)]

    return asyncio.run(events())[-1].why


def test_each_method_says_what_it_wrote_from(memory):
    asyncio.run(memory.add([row("zoe", "moon", at=9), row("zoe", "mars", at=10)], BOTH))
    settle(memory)
    assert why(memory, "non_perso") == "written from the item alone"
    assert why(memory, "dpl").endswith("1 record compared with others")
    assert why(memory, "dpl", "zoe").endswith("; no record could be compared")
    assert why(memory, "rag", "zoe") == "written from 2 own records"
    assert "as not personalised" in why(memory, "rag", "zoe", "moon")
    assert "and a profile" in why(memory, "stored_profile", "zoe")


def test_a_text_is_checked_against_others_on_its_item_and_none_are_too_few(in_sqlite, monkeypatch):  # noqa: F811
    few = lived_in(in_sqlite, town(PEOPLE), method=METHOD, min_peers=9)
    found = opened_records(monkeypatch)
    play(few, "non_perso")
    assert {one.split("-")[0] for one in found} == {LAST}
    found.clear()
    play(memory_of(in_sqlite, method=METHOD), "non_perso")
    assert {one for one in found if not one.startswith(LAST)} == {f"{one}-tea" for one in PEOPLE[:-1]}


def test_a_comparison_opens_the_representatives_alone(memory, monkeypatch):
    found = opened_records(monkeypatch)
    asyncio.run(Inspection(memory).compare(LAST, "bread", 3, "farthest"))
    assert len({one for one in found if not one.startswith(LAST)}) == 3


@pytest.mark.parametrize("name", SELECTORS)
@pytest.mark.parametrize("embedded", [True, False])
def test_the_representatives_are_those_of_whole_records(in_sqlite, name, embedded):  # noqa: F811
    memory = memory_of(in_sqlite)
    asyncio.run(memory.add(town(PEOPLE), BOTH))
    if embedded:
        settle(memory)
    tenant, vectors = memory.tenant, StoredVectors(memory.tenant, memory.encoder)
    whole, unopened = StoredRecords(tenant), PeersWithoutTexts(tenant, LAST, 2, vectors)
    (own,) = (one for one in whole.history(LAST, (10**15, "")) if one.item_id == "tea")
    expected = open_selector(name, HashingEncoder(64), 7).select(own, others_on(whole, "tea", LAST, None), 3)
    peers, selector = others_on(unopened, "tea", LAST, None), StoredVectorSelector(tenant, vectors, name, 7)
    assert len(peers) == 8 and not any(peer.text for peer in peers)
    assert selector.select(own, peers, 3) == expected and len(expected) == 3
    asyncio.run(memory.set_consent(expected[0].user_id, peer=False))
    assert expected[0] not in selector.select(own, peers, 3)
