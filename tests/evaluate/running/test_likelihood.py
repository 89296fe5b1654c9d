"""The likelihood of the real texts: what it was measured with, why one is missing, and that a kill loses none."""

import asyncio
from dataclasses import replace

import pytest
import torch
from tests.llm.journal_rows import keys_of_record
from tests.llm.tiny_llm import tiny_llm
from tests.worlds import kit_for, world

from unlike.embed.hashing import HashingEncoder
from unlike.errors import EngineError, InputError
from unlike.evaluate.running.likelihood import FILE, LOGLIK, Likelihood, likelihood, read_likelihood, write_likelihood
from unlike.evaluate.running.plan import Plan
from unlike.evaluate.running.read_plan import plan_of
from unlike.evaluate.running.run_method import Job
from unlike.evaluate.running.run_plan import find, likelihood_of_plan, measure_all, run_folders, run_plan
from unlike.llm.journal import Journal
from unlike.llm.local_model import open_local_model
from unlike.llm.recorded import RecordedLLM
from unlike.llm.transformers_local import TransformersBackend
from unlike.methods.table import METHODS, open_method
from unlike.writing.loglik import hard_prompt

WRITINGS = [(user, item, item * 4 + user) for item in range(2) for user in range(4)]
TARGETS = [(user, 7, 20 + user) for user in range(4)]


class Counting(TransformersBackend):
    """Counts what is scored; where it is to stop, it does so once so many scores are kept."""

    n_scored, stops_at = 0, None

    def on_progress(self, progress):
        if progress.n_done == self.stops_at:
            self.kept.set()

    async def logprobs(self, prompt, continuation, bias=()):
        if self.n_scored == self.stops_at:
            await self.kept.wait()
            raise EngineError("power cut")
        self.n_scored += 1
        return await super().logprobs(prompt, continuation, bias)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    torch.set_num_threads(1)
    return open_local_model(str(tiny_llm(tmp_path_factory.mktemp("llm"), seed=3)))


@pytest.fixture
def engine(local):
    opened = Counting(local)
    yield opened
    asyncio.run(opened.aclose())


@pytest.fixture
def crowd():
    return world(WRITINGS + TARGETS, targets=range(len(WRITINGS), len(WRITINGS + TARGETS)))


@pytest.fixture
def journal(tmp_path):
    opened = Journal.open(tmp_path / "scores.sqlite")
    yield opened
    opened.close()


def measured(crowd, engine, journal, method="rag", max_tokens=30, cases=None, **settings):
    """The rows of one method."""
    kit = replace(kit_for(crowd, **settings), llm=RecordedLLM(engine, Journal.open(None)))
    job = Job(method, open_method(method), crowd.cases("test") if cases is None else cases, kit)
    (rows,) = asyncio.run(likelihood([job], max_tokens, journal, engine.on_progress))
    return rows


def test_a_row_says_what_it_was_measured_with_and_the_same_is_not_scored_again(crowd, engine, journal, tmp_path):
    rows = measured(crowd, engine, journal)
    assert [row.case_id for row in rows] == [case.id for case in crowd.cases("test")]
    assert all(row.loglik < 0 and row.max_tokens == 30 and not row.error for row in rows)
    write_likelihood(tmp_path, rows)
    assert read_likelihood(tmp_path) == rows
    assert measured(crowd, engine, journal) == rows
    assert engine.n_scored == 4


def test_other_tokens_other_cases_and_other_prompts_are_measured_anew(crowd, engine, journal):
    first = measured(crowd, engine, journal, cases=crowd.cases("test")[:2])
    assert [row.loglik for row in measured(crowd, engine, journal)[:2]] == [row.loglik for row in first]
    assert engine.n_scored == 4  # the two that were missing
    longer = measured(crowd, engine, journal, max_tokens=60)
    assert engine.n_scored == 8
    assert all(row.max_tokens == 60 for row in longer)
    assert [row.loglik for row in longer[:2]] != [row.loglik for row in first]
    fewer = measured(crowd, engine, journal, n_records=1)
    assert engine.n_scored == 12
    assert [row.loglik for row in fewer[:2]] != [row.loglik for row in first]


def test_how_texts_are_sampled_does_not_matter(crowd, engine, journal):
    first = measured(crowd, engine, journal, temperature=0.2)
    assert measured(crowd, engine, journal, temperature=1.0, seed=9) == first
    assert engine.n_scored == 4


def test_a_lexical_bias_is_scored_and_never_mixed_with_other_scores(crowd, engine, journal, local):
    plain, biased = (measured(crowd, engine, journal, lexical=strength)[0] for strength in (0.0, 30.0))
    assert engine.n_scored == 8 and plain.loglik != biased.loglik
    assert measured(crowd, engine, journal)[0] == plain and engine.n_scored == 8

    case, kit = crowd.cases("test")[0], replace(kit_for(crowd, lexical=30.0), llm=RecordedLLM(engine))
    call = asyncio.run(open_method("rag")(case, kit)).call
    assert call.sampling.logit_bias
    prompt = hard_prompt(engine, call).token_ids
    real = [*engine.tokens.encode(case.reference), engine.tokens.end_id][:30]
    logits = local.model(torch.tensor([[*prompt, *real]])).logits[0, len(prompt) - 1 : -1]
    for token, added in call.sampling.logit_bias:
        logits[:, token] += added
    by_hand = logits.log_softmax(dim=-1)[range(len(real)), real].mean()
    assert biased.loglik == pytest.approx(float(by_hand), abs=1e-5)


def test_killed_within_a_method_it_goes_on(crowd, engine, journal):
    engine.stops_at, engine.kept = 2, asyncio.Event()
    with pytest.raises(EngineError, match="power cut"):
        measured(crowd, engine, journal)
    engine.stops_at = None
    assert len(measured(crowd, engine, journal)) == 4
    assert engine.n_scored == 4


def test_a_case_without_a_likelihood_says_why(crowd, engine, journal):
    first, second, *others = crowd.cases("test")
    cases = [replace(first, reference=None), replace(second, reference="a" * 3000), *others]
    without, endless, *rest = measured(crowd, engine, journal, cases=cases, max_tokens=2048)
    assert without == Likelihood(first.id, None, 2048, "the case has no real text")
    assert endless.loglik is None
    assert "exceed the context" in endless.error
    assert all(row.loglik is not None for row in rest)


def test_a_method_of_ones_own_with_a_step_of_its_own_is_scored_like_the_others(crowd, engine, journal):
    async def own(case, kit):
        draft = await METHODS["rag"](case, kit)
        return replace(draft, call=replace(draft.call, step="my_last_step"))

    kit = replace(kit_for(crowd), llm=RecordedLLM(engine, Journal.open(None)))
    job = Job("own", own, crowd.cases("test")[:1], kit)
    ((row,),) = asyncio.run(likelihood([job], 30, journal, lambda progress: None))
    assert row == measured(crowd, engine, journal, cases=crowd.cases("test")[:1])[0]


def test_a_score_is_found_by_the_records_whose_words_are_in_it(crowd, engine, journal):
    (row,) = measured(crowd, engine, journal, cases=crowd.cases("test")[:1])
    assert keys_of_record(journal, row.case_id) == keys_of_record(journal, "r000") != ()


def test_what_cannot_be_read_or_written_is_one_line(tmp_path):
    assert read_likelihood(tmp_path) == []
    for text in ('{"case_id": "r1", "loglik": -1.0}\n', '{"case_'):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(InputError, match=r"likelihood\.jsonl cannot be read: .*delete it and measure again"):
            read_likelihood(tmp_path)
    with pytest.raises(InputError, match=r"likelihood\.jsonl cannot be written.*free space"):
        write_likelihood(tmp_path / FILE, [])


def test_a_write_that_fails_leaves_the_rows_that_were_there(tmp_path, monkeypatch):
    rows = [Likelihood("r1", -1.0, 30)]
    write_likelihood(tmp_path, rows)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(InputError, match="No space left on device"):
        write_likelihood(tmp_path, [*rows, Likelihood("r2", -2.0, 30)])
    assert read_likelihood(tmp_path) == rows


def test_an_experiment_measures_what_its_plan_says_now_and_reports_what_is_missing(crowd, engine, tmp_path):
    def kit_of(settings):
        return replace(kit_for(crowd), llm=llm, settings=settings)

    def done(**changes):
        plan = Plan.model_validate(
            {"title": "t", "methods": [{"method": "non_perso"}, {"method": "rag"}], "settings": {"max_tokens": 8}}
            | {"metrics": ["rouge1"], "sanity": [], "embedder": "hashing:64", **changes}
        )
        folders = asyncio.run(run_plan(plan, crowd, kit_of, tmp_path))
        asyncio.run(likelihood_of_plan(plan, crowd, kit_of, tmp_path, lambda progress: None))
        assert folders == run_folders(plan, tmp_path)
        return plan, [read_likelihood(folder) for folder in folders], measure_all(folders, plan, crowd)

    llm = RecordedLLM(engine, Journal.open(tmp_path / "journal.sqlite"))
    _, rows_of, _ = done(likelihood=30, limit=2)
    assert [[row.max_tokens for row in rows] for rows in rows_of] == [[30, 30]] * 2
    plan, rows_of, runs = done(likelihood=400, limit=3)
    assert [[row.max_tokens for row in rows] for rows in rows_of] == [[400] * 3] * 2
    assert all(len(run.per_case[LOGLIK]) == 3 for run in runs)
    kept = rows_of[1][0]
    write_likelihood(run_folders(plan, tmp_path)[1], [kept, replace(rows_of[1][1], loglik=None, error="no room")])
    encoder = HashingEncoder(64)
    runs = measure_all(run_folders(plan, tmp_path), plan, crowd)
    assert runs[1].per_case[LOGLIK] == {kept.case_id: kept.loglik}
    notes = find(plan, crowd, encoder, runs).notes
    assert "loglik of rag: 2 of 3 cases have no likelihood (no room)" in notes


def test_an_experiment_without_metrics_writes_no_texts(crowd, engine, tmp_path):
    llm = RecordedLLM(engine, Journal.open(tmp_path / "journal.sqlite"))
    asked = {"title": "t", "methods": [{"method": "int_sum"}], "embedder": "hashing:64", "limit": 3}
    plan = Plan.model_validate(asked | {"settings": {"max_tokens": 8}, "metrics": [], "likelihood": 30})

    def kit_of(settings):
        return replace(kit_for(crowd), llm=llm, settings=settings)

    def found(plan, folders):
        return find(plan, crowd, HashingEncoder(64), measure_all(folders, plan, crowd))

    folders = asyncio.run(run_plan(plan, crowd, kit_of, tmp_path))
    assert llm.usage.n_calls == 3, "a summary a case"
    asyncio.run(likelihood_of_plan(plan, crowd, kit_of, tmp_path, lambda progress: None))
    assert (llm.usage.n_calls, engine.n_scored) == (3, 3)
    assert [name for name, *_ in found(plan, folders).metrics] == [LOGLIK]
    written = plan.model_copy(update={"metrics": ["rouge1"], "sanity": [], "likelihood": 0})
    with_texts = found(written, asyncio.run(run_plan(written, crowd, kit_of, tmp_path / "texts")))
    of_prompts = [findings.variants[0].cost.prompt_tokens for findings in (found(plan, folders), with_texts)]
    assert of_prompts[0] == of_prompts[1] > 0, "prompts are counted all the same"


def test_an_experiment_that_measures_nothing_is_no_experiment():
    with pytest.raises(InputError, match="nothing is measured; give metrics, a judge or likelihood"):
        plan_of({"title": "t", "methods": [{"method": "rag"}], "metrics": []}, "test")
