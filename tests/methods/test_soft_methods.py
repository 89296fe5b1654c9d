"""Methods with a trained adapter: DEP, PPlug, prompt tuning and the control with another user's vectors."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.llm.tiny_llm import tiny_llm
from tests.worlds import kit_for, outcome_of, world

from unlike.api import kits, open_prompter
from unlike.embed.hashing import HashingEncoder
from unlike.errors import EngineError, InputError
from unlike.evaluate.running.likelihood import likelihood, read_likelihood, write_likelihood
from unlike.evaluate.running.run_method import Job, arun
from unlike.latent.adapter import AdapterMetadata, load_adapter, new_module, save_adapter
from unlike.latent.settings import AdapterSettings
from unlike.llm.forecast import ForecastLLM
from unlike.llm.journal import Call, Journal
from unlike.llm.local_model import open_local_model
from unlike.llm.recorded import RecordedLLM
from unlike.llm.transformers_local import TransformersBackend
from unlike.methods.controls import stranger_of
from unlike.methods.table import METHODS
from unlike.peers.selectors import open_selector
from unlike.prompts.budget import shortened
from unlike.prompts.task import open_task
from unlike.records import others_on
from unlike.settings import MethodSettings

DIM = 16
SOFT = ["dep", "dep_shuffled", "pplug", "prompt_tuning"]
WRITINGS = [(user, item, item * 3 + user) for item in range(2) for user in range(3)]
TARGETS = [(user, 7, 20 + user) for user in range(3)] + [(9, 7, 30)]  # user 9 never wrote before


@pytest.fixture(scope="module")
def crowd():
    return world(WRITINGS + TARGETS, targets=range(len(WRITINGS), len(WRITINGS + TARGETS)))


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    torch.set_num_threads(1)
    opened = TransformersBackend(open_local_model(str(tiny_llm(tmp_path_factory.mktemp("llm"), seed=3))))
    yield opened
    asyncio.run(opened.aclose())


@pytest.fixture
def adapters(backend, tmp_path):
    for kind in ("dep", "pplug", "prompt_tuning"):
        saved_adapter(tmp_path / kind, backend, kind=kind)
    return tmp_path


def saved_adapter(folder, backend, **changes):
    settings = AdapterSettings(n_records=2, max_prompt_tokens=1900, **changes)
    metadata = AdapterMetadata(settings, backend.model, backend.llm_hash, "hashing:16", DIM, backend.hidden, 1.0)
    torch.manual_seed(0)
    save_adapter(folder, new_module(metadata, torch.randn(4, backend.hidden)), metadata)
    return folder


def kit_of(crowd, backend, adapter, task="review", **changes):
    llm = RecordedLLM(backend, Journal.open(None))
    settings = MethodSettings(max_tokens=8, adapter=str(adapter)).but(**changes)
    return kits(crowd, llm, HashingEncoder(DIM), open_task(task))(settings)


def run(method, case, kit):
    return outcome_of(METHODS[method], case, kit)


@pytest.mark.parametrize("method", SOFT)
def test_it_writes_and_the_trace_says_what_was_in_the_prompt(crowd, backend, adapters, method):
    case = crowd.cases("test")[0]
    kit = kit_of(crowd, backend, adapters / method.removesuffix("_shuffled"))
    outcome = run(method, case, kit)
    assert outcome.text
    assert outcome.trace["generate"]["step"] == "soft"
    assert outcome.trace["past"] == ["r000", "r003"]
    assert outcome.trace["soft"]["adapter"]
    assert ("vectors_of" in outcome.trace["soft"]) == (method == "dep_shuffled")
    assert run(method, case, kit).text == outcome.text
    assert kit.llm.usage.n_calls == 1


@pytest.mark.parametrize(
    ("shown", "n_chars"),
    [({}, None), ({"text_chars": 12}, 12), ({"with_text": False}, 0)],
    ids=["whole", "cut", "none"],
)
def test_a_reply_is_measured_by_the_users_texts_as_the_prompt_shows_them(crowd, backend, tmp_path, shown, n_chars):
    """Shortened texts and vectors without words say another length, or none."""
    adapter = saved_adapter(tmp_path / "dep", backend, **shown)
    draft = asyncio.run(METHODS["dep"](crowd.cases("test")[0], kit_of(crowd, backend, adapter, rewrites=2)))
    whole = [crowd.record(record_id).text for record_id in ("r000", "r003")]
    assert (
        draft.expected.past == tuple(shortened(text, n_chars) for text in whole if n_chars) if shown else tuple(whole)
    )
    assert draft.rewrites == 2


def test_dpl_dep_shows_the_key_records_with_their_vectors_and_the_profile(crowd, backend, adapters):
    case = crowd.cases("test")[0]
    kit = kit_of(crowd, backend, adapters / "dep", n_records=1, n_peers=1)
    draft = asyncio.run(METHODS["dpl_dep"](case, kit))
    profile = draft.trace["profile"]["text"]
    assert "How the person writes" in draft.call.messages[1]["content"]
    assert profile.splitlines()[0] in draft.call.messages[1]["content"]
    assert draft.trace["past"] == asyncio.run(METHODS["rag"](case, kit)).trace["past"]
    (difference,) = draft.trace["differences"]
    # The key record's own difference is to both others; the profile has read one of them and another record's.
    assert set(draft.call.record_ids) >= {*draft.trace["past"], difference["record"], *difference["representatives"]}
    assert (
        draft.trace["soft"]["n_vectors"] == 6
    )  # a vector of the record and one of its difference, each between markers
    np.testing.assert_array_equal(
        draft.call.soft.vectors, kit.latent.prompt(case, past=[crowd.record("r003")]).prompt.vectors
    )


def test_dpl_dep_shows_the_profile_in_the_papers_order_too(crowd, backend, adapters):
    case = crowd.cases("test")[0]
    draft = asyncio.run(METHODS["dpl_dep"](case, kit_of(crowd, backend, adapters / "dep", task="review_papers")))
    assert "How the person writes" in draft.call.messages[1]["content"]


def test_dpl_dep_without_records_gets_the_plain_prompt(crowd, backend, adapters):
    (stranger,) = [case for case in crowd.cases("test") if case.user_id == "u9"]
    outcome = run("dpl_dep", stranger, kit_of(crowd, backend, adapters / "dep"))
    assert outcome.trace["cold_start"].startswith("no records")


def test_an_adapter_may_compare_with_representatives(crowd, backend, adapters):
    case, plain = crowd.cases("test")[0], load_adapter(adapters / "dep")
    metadata = replace(plain.metadata, settings=replace(plain.settings, representatives=1))
    save_adapter(adapters / "few", plain.module, metadata)
    few, many = (kit_of(crowd, backend, adapters / name).latent.prompt(case) for name in ("few", "dep"))
    chosen = [open_selector("kmeans", HashingEncoder(DIM)).select(*pair, 1) for pair in pairs_of(crowd, case)]
    assert set(few.record_ids) == {"r000", "r003", *(record.id for (record,) in chosen)}
    assert set(few.record_ids) < set(many.record_ids)
    assert not np.allclose(few.prompt.vectors, many.prompt.vectors)


def pairs_of(crowd, case):
    """The user's records, each with the others on its item."""
    for record in crowd.history(case.user_id, case.moment):
        yield record, others_on(crowd, record.item_id, case.user_id, case.timestamp)


def test_a_user_without_records_gets_the_plain_prompt(crowd, backend, adapters):
    (stranger,) = [case for case in crowd.cases("test") if case.user_id == "u9"]
    kit = kit_of(crowd, backend, adapters / "dep")
    outcome = run("dep", stranger, kit)
    assert outcome.text == run("non_perso", stranger, kit).text
    assert outcome.trace["cold_start"].startswith("no records")
    assert outcome.trace["soft"] is None


def test_another_user_s_vectors_make_another_prompt_from_the_same_words(crowd, backend, adapters):
    case = crowd.cases("test")[0]
    kit = kit_of(crowd, backend, adapters / "dep")
    other = stranger_of(case, 2, kit).user_id
    own, mixed = kit.latent.prompt(case), kit.latent.prompt(case, replace(case, user_id=other))
    assert own.messages == mixed.messages
    np.testing.assert_array_equal(own.prompt.token_ids, mixed.prompt.token_ids)
    assert not np.allclose(own.prompt.vectors, mixed.prompt.vectors)
    assert own.prompt.digest != mixed.prompt.digest
    assert other not in (case.user_id, "u9")
    assert run("dep_shuffled", case, kit).trace["soft"]["vectors_of"] == other


def test_peers_words_in_a_vector_are_named_for_erasure(crowd, backend, adapters):
    soft = kit_of(crowd, backend, adapters / "dep").latent.prompt(crowd.cases("test")[0])
    assert set(soft.record_ids) == {"r000", "r003", "r001", "r002", "r004", "r005"}
    assert soft.n_compared == 2


def test_the_answer_gets_at_most_half_of_the_context(crowd, backend, adapters):
    kit = kit_of(crowd, backend, adapters / "dep", max_tokens=10**6)
    draft = asyncio.run(METHODS["dep"](crowd.cases("test")[0], kit))
    context = backend.context_tokens
    assert draft.call.sampling.max_tokens == context - context // 2


def test_without_an_adapter_or_with_the_wrong_kind_the_error_says_what_to_do(crowd, backend, adapters):
    case = crowd.cases("test")[0]
    with pytest.raises(InputError, match="unlike train dep"):
        run("dep", case, kit_for(crowd))
    with pytest.raises(InputError, match="adapter of kind 'pplug'"):
        run("dep", case, kit_of(crowd, backend, adapters / "pplug"))


def test_an_engine_that_takes_no_soft_prompts_is_refused(crowd, backend, adapters):
    from tests.worlds import Listening

    with pytest.raises(InputError, match="takes no soft prompts"):
        open_prompter(crowd, Listening(), HashingEncoder(DIM), open_task(), adapters / "dep")
    soft = kit_of(crowd, backend, adapters / "dep").latent.prompt(crowd.cases("test")[0])
    with pytest.raises(EngineError, match="takes no soft prompts"):
        asyncio.run(RecordedLLM(Listening(), Journal.open(None)).call(Call("soft", "", (), soft=soft.prompt)))


def test_a_forecast_counts_the_soft_prompt_s_tokens(crowd, backend, adapters):
    kit = kit_of(crowd, backend, adapters / "dep")
    case = crowd.cases("test")[0]
    llm = ForecastLLM(backend)
    run("dep", case, replace(kit, llm=llm))
    assert llm.usage.prompt_tokens == len(kit.latent.prompt(case).prompt.token_ids)


@pytest.mark.parametrize("method", ["non_perso", "rag", "dep"])
def test_the_likelihood_is_that_of_the_real_text_behind_the_last_prompt(crowd, backend, adapters, method, tmp_path):
    cases = crowd.cases("test")[:2]
    kit = kit_of(crowd, backend, adapters / "dep")
    job = Job(method, METHODS[method], cases, kit)
    (rows,) = asyncio.run(likelihood([job], 30, Journal.open(None), lambda progress: None))
    assert [row.case_id for row in rows] == [case.id for case in cases]
    if method == "dep":
        real = backend.tokens.encode(cases[0].reference)[:30]
        plain = asyncio.run(backend.logprobs(kit.latent.prompt(cases[0]).prompt, np.asarray(real)))
        assert rows[0].loglik == pytest.approx(plain.mean(), abs=1e-5)
    assert kit.llm.usage.n_calls == 0  # nothing is written where only the last call was left
    write_likelihood(tmp_path, rows)
    assert read_likelihood(tmp_path) == rows


def test_a_run_folder_keeps_the_adapter_s_name(crowd, backend, adapters, tmp_path):
    kit = kit_of(crowd, backend, adapters / "dep")
    rows = asyncio.run(arun(crowd, "dep", kit, tmp_path / "run", limit=2))
    assert {row.status for row in rows} == {"done"}


@pytest.mark.parametrize("method", SOFT)
def test_an_adapter_has_its_own_layout_and_number_of_soft_tokens(crowd, backend, adapters, method):
    case, plain = crowd.cases("test")[0], load_adapter(adapters / method.removesuffix("_shuffled"))
    settings = replace(plain.settings, layout="turns", tokens_per_vector=3)
    metadata = replace(plain.metadata, settings=settings)
    save_adapter(adapters / "turns", new_module(metadata, torch.randn(4, backend.hidden)), metadata)
    kit = kit_of(crowd, backend, adapters / "turns")
    outcome = run(method, case, kit)
    assert outcome.text
    assert outcome.trace["generate"]["step"] == "soft_turns"
    assert outcome.trace["soft"]["n_vectors"] == (4 if method == "pplug" else 2 * 2 * 5)
    forecast = ForecastLLM(backend)
    run(method, case, replace(kit, llm=forecast))
    assert forecast.usage.prompt_tokens == len(kit.latent.prompt(case).prompt.token_ids)
