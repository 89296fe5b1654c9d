"""An adapter in the service: texts are written from vectors that were made when the records came in."""

import asyncio

import numpy as np
import pytest
import torch

from tests.llm.tiny_llm import tiny_llm
from tests.memory.town import REDACTOR, SIGNER, START_MS, TASK, row, settle, town
from tests.store.rows import BOTH
from unlike.api import open_prompter
from unlike.embed.hashing import HashingEncoder
from unlike.inspector.store.inspection import Inspection
from unlike.latent.adapter import AdapterMetadata, new_module, save_adapter
from unlike.latent.settings import AdapterSettings
from unlike.llm.local_model import open_local_model
from unlike.llm.transformers_local import TransformersBackend
from unlike.memory.answers import Request
from unlike.memory.memory import Memory
from unlike.memory.settings import MemorySettings, Refresh
from unlike.memory.vectors import StoredVectors
from unlike.records import Case, Item
from unlike.settings import MethodSettings
from unlike.store.records import StoredRecords, Unknown

DIM = 64


class Counting(HashingEncoder):
    """Notes which texts it is asked for."""

    def __init__(self):
        super().__init__(DIM)
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        return super().encode(texts)


class Noting(TransformersBackend):
    """Notes what it is asked."""

    def __init__(self, model):
        super().__init__(model)
        self.soft, self.n_texts = [], 0

    async def complete(self, messages, sampling):
        self.n_texts += 1
        return await super().complete(messages, sampling)

    async def complete_soft(self, prompt, sampling):
        if len(prompt.places):  # words alone come this way too
            self.soft.append((prompt, sampling))
        return await super().complete_soft(prompt, sampling)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.set_num_threads(1)
    return open_local_model(str(tiny_llm(tmp_path_factory.mktemp("llm"), seed=3)))


@pytest.fixture
def memory(in_sqlite, model, tmp_path):
    return memory_with(in_sqlite, model, tmp_path)


def memory_with(in_sqlite, model, tmp_path, **method):
    """Records, vectors and an adapter; profiles are never asked for (each takes more records than there are)."""
    backend, encoder, tenant = Noting(model), Counting(), in_sqlite.tenant("acme")
    settings = AdapterSettings(n_records=2, max_prompt_tokens=1900)
    metadata = AdapterMetadata(settings, backend.model, backend.llm_hash, encoder.name, DIM, backend.hidden, 1.0)
    torch.manual_seed(0)
    save_adapter(tmp_path / "dep", new_module(metadata, torch.randn(4, backend.hidden)), metadata)
    vectors = StoredVectors(tenant, encoder)
    records = StoredRecords(tenant, vectors.seen)
    latent = open_prompter(records, backend, vectors, TASK, tmp_path / "dep", min_peers=2)
    few = MemorySettings(min_records=1_000, refresh=Refresh(debounce_s=0.0), method=MethodSettings(**method))
    opened = Memory(tenant, backend, encoder, REDACTOR, SIGNER, TASK, few, latent=latent)
    opened.encoder = encoder
    asyncio.run(opened.add(town(), BOTH))
    settle(opened)
    return opened


def ask(memory, user="ann", **more):
    return asyncio.run(memory.generate(Request(user, "tea", max_tokens=4, **more)))


def test_a_request_is_one_call_with_the_user_s_vectors(memory):
    written = ask(memory)
    assert (written.rung, written.profile_version) == ("full", None)
    assert written.why == "vectors of 2 records, 2 compared"
    assert (len(memory.backend.soft), memory.backend.n_texts) == (1, 0)
    assert memory.backend.soft[0][1].cache_salt


def test_a_text_that_is_not_as_asked_is_asked_for_again_with_the_same_vectors(in_sqlite, model, tmp_path):
    memory = memory_with(in_sqlite, model, tmp_path, rewrites=1)
    ask(memory)  # four tokens are a text that was cut off
    (first, _), (second, _) = memory.backend.soft
    assert first.digest == second.digest


def test_vectors_come_from_the_store(memory):
    memory.encoder.asked.clear()
    ask(memory)
    assert not set(memory.encoder.asked) & {one.record.text for one in town()}


def test_a_new_record_counts_in_the_next_request_without_any_other_call(memory):
    ask(memory)
    asyncio.run(memory.add([row("ann", "cake", "Entirely new words about cake.", at=START_MS + 99)]))
    assert ask(memory).why == "vectors of 2 records, 1 compared"  # nobody else wrote about cake
    settle(memory)
    ask(memory)
    (before, _), (at_once, _), (settled, _) = memory.backend.soft
    assert before.digest != at_once.digest == settled.digest
    assert memory.backend.n_texts == 0


def test_a_peer_who_withdraws_is_in_no_vector_any_more(memory):
    ask(memory)
    for peer in ("bob", "cleo", "dora"):
        asyncio.run(memory.set_consent(peer, peer=False))
    assert ask(memory).why == "vectors of 2 records, 0 compared"
    assert memory.backend.soft[0][0].digest != memory.backend.soft[1][0].digest


@pytest.mark.parametrize("leaving", [("bob",), ("bob", "cleo")])
def test_below_the_floor_no_peer_is_in_a_vector(memory, leaving):
    """With one peer, the own vector less the difference is that peer's vector."""
    for peer in leaving:
        asyncio.run(memory.set_consent(peer, peer=False))
    latent, case = memory.latent, Case("", "ann", "tea", START_MS + 10**6)
    past = latent.example(case).past
    revealed = [own - diff for own, diff, n_peers in zip(past.his, past.diff, past.n_peers, strict=True) if n_peers]
    others = HashingEncoder(DIM).encode([one.record.text for one in town() if one.record.user_id != "ann"])
    assert all(np.abs(others - vector).max(axis=1).min() > 1e-3 for vector in revealed)
    assert all(n_peers != 1 for n_peers in past.n_peers)


def test_who_is_not_known_gets_words_alone(memory):
    assert ask(memory, "nobody").rung == "plain"
    assert ask(memory, item=Item("tea", "Described in the request")).rung == "own_records"
    assert (len(memory.backend.soft), memory.backend.n_texts) == (0, 2)


def test_an_item_nobody_knows_is_said(memory):
    with pytest.raises(Unknown, match="no item 'moon'"):
        asyncio.run(memory.generate(Request("ann", "moon")))


def test_a_stream_behind_vectors_is_one_piece(memory):
    async def collect():
        return [piece async for piece in memory.stream(Request("ann", "tea", max_tokens=4))]

    text, written = asyncio.run(collect())
    assert text == written.text == ask(memory).text


def test_an_erased_text_is_encoded_anew_if_it_comes_back(memory):
    vectors = memory.latent._examples._encoder
    text = town()[0].record.text
    asyncio.run(memory.erase("ann"))
    memory.encoder.asked.clear()
    np.testing.assert_array_equal(vectors.encode([text]), HashingEncoder(DIM).encode([text]))
    assert memory.encoder.asked == [text]


def test_the_playground_tries_the_adapter_as_of_the_moment_of_the_real_text(memory):
    async def played():
        return [event async for event in Inspection(memory).play(Request("ann", "tea", max_tokens=4), "dep")]

    options = asyncio.run(Inspection(memory).options(Request("ann", "tea")))
    assert [(choice.method, choice.why_not) for choice in options.methods][-1] == ("dep", "")
    prompt, *pieces, done = asyncio.run(played())
    assert (prompt.step, done.method, done.n_calls) == ("soft", "dep", 1)
    assert "".join(pieces) == done.text
    assert options.real.text not in str(prompt.messages)
    ask(memory)
    then, now = (len(soft.places) for soft, _ in memory.backend.soft)
    assert then < now  # the real text and what came after it is in no vector
