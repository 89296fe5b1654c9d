"""Forecasts: as many calls as are made, the rest of what was begun, no key and no silence."""

import sqlite3
from contextlib import closing

import pytest

import unlike
from unlike.errors import MissingPart
from unlike.evaluate.running.planned import planned_runs
from unlike.experiments.forecast import forecast_experiment, forecast_run
from unlike.experiments.open import open_experiment
from unlike.experiments.run import RunRequest
from unlike.experiments.watch import Watch
from unlike.llm.forecast import ASSUMED_COMPLETION_TOKENS, distinct_text
from unlike.methods.table import ADAPTED, METHODS
from unlike.settings import MethodSettings

WITHOUT_ADAPTERS = tuple(name for name in METHODS if name not in ADAPTED)


@pytest.fixture
def answers(tmp_path):
    """An LLM whose answers differ as real ones do: an echo of the prompt."""
    (tmp_path / "llm.toml").write_text('default = ["One thing, said plainly.", "Another thing, at length.", "No."]\n')
    return f"scripted:{tmp_path / 'llm.toml'}"


def n_calls(forecast):
    return sum(part.usage.n_calls for part, _ in forecast.parts)


def made(out):
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        return journal.execute("SELECT count(*) FROM calls").fetchone()[0]


def test_as_many_calls_are_forecast_as_are_made(plan_file, tmp_path):
    file = plan_file(llm="scripted:echo", limit=6, methods=WITHOUT_ADAPTERS)
    foreseen = n_calls(forecast_experiment(open_experiment(file, tmp_path / "out")))
    assert not (tmp_path / "out").exists()
    unlike.experiment(file, tmp_path / "out")
    assert abs(foreseen - made(tmp_path / "out")) <= 0.02 * foreseen


def test_a_forecast_says_that_meteor_lacks_its_data(plan_file, tmp_path, monkeypatch):
    def missing():
        raise MissingPart("no WordNet")

    monkeypatch.setattr("unlike.evaluate.metrics.meteor.find_data", missing)
    file = plan_file(limit=1)
    for metrics, lacks in (('["rouge1"]', ""), ('["rouge1", "meteor"]', "no WordNet")):
        file.write_text(file.read_text().replace('["rouge1"]', metrics))
        assert forecast_experiment(open_experiment(file, tmp_path / "out")).not_measurable == lacks


def test_what_is_left_is_forecast_where_some_is_done(plan_file, tmp_path):
    out = tmp_path / "out"
    unlike.experiment(plan_file(limit=2), out)
    done = made(out)
    forecast = forecast_experiment(open_experiment(plan_file(limit=4), out))
    ((part, _),) = forecast.parts
    assert part.usage.n_cached >= done
    assert part.usage.n_calls > 0
    unlike.experiment(plan_file(limit=4), out)
    assert made(out) - done == part.usage.n_calls
    assert n_calls(forecast_experiment(open_experiment(plan_file(limit=4), out))) == 0


def test_answers_are_assumed_as_long_as_the_journal_and_the_real_texts_are(sample, answers, tmp_path):
    corpus, out = unlike.Corpus.open(sample), tmp_path / "run"
    before = forecast_run(RunRequest(corpus, "dpl", answers, out, embedder="hashing:64", limit=3))
    assert set(before.lengths) == {"difference", "summary", "generate_turns"}
    assert before.lengths["difference"] == before.lengths["summary"] == ASSUMED_COMPLETION_TOKENS
    assert 20 < before.lengths["generate_turns"] < 200
    unlike.run(corpus, "dpl", answers, out, embedder="hashing:64", limit=2)
    after = forecast_run(RunRequest(corpus, "dpl", answers, out, embedder="hashing:64", limit=3))
    assert after.lengths["difference"] < 20


@pytest.mark.parametrize(
    ("settings", "rewrites"), [({}, 0), ({"rewrites": 2}, 2), ({"rewrites": 2, "temperature": 0.0}, 0)]
)
def test_rewrites_are_not_counted_and_the_forecast_says_so(sample, tmp_path, settings, rewrites):
    corpus = unlike.Corpus.open(sample)
    request = RunRequest(
        corpus, "rag", "scripted:echo", tmp_path, settings=MethodSettings(**settings), embedder="hashing:64", limit=2
    )
    found = forecast_run(request)
    assert (found.usage.n_calls, found.rewrites_not_counted) == (2, rewrites)


def test_rewrites_are_said_of_an_experiment_too(plan_file, tmp_path):
    file = plan_file(limit=2, methods=("rag",))
    file.write_text(file.read_text().replace("max_tokens = 64", "max_tokens = 64, rewrites = 3"))
    ((part, _),) = forecast_experiment(open_experiment(file, tmp_path / "out")).parts
    assert (part.usage.n_calls, part.rewrites_not_counted) == (2, 3)


def test_it_needs_no_key(sample, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    found = forecast_run(
        RunRequest(unlike.Corpus.open(sample), "rag", "openai:m", tmp_path, embedder="hashing:64", limit=3)
    )
    assert found.usage.n_calls == 3


def test_encoding_is_shown(sample, tmp_path, monkeypatch):
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("unlike.embed.cache.TEXTS_AT_ONCE", 2)
    seen = []
    watch = Watch(lambda *progress: seen.append(progress))
    corpus = unlike.Corpus.open(sample)
    forecast_run(RunRequest(corpus, "dpl", "scripted:echo", tmp_path / "out", embedder="hashing:64", limit=2), watch)
    assert {"encoding texts", "forecast"} == {what for what, *_ in seen}


def test_placeholders_differ_by_what_they_answer_and_have_the_assumed_length():
    texts = {distinct_text(prompt, 300) for prompt in ("a", "b", "c")}
    assert len(texts) == 3
    assert all(len(text.split()) == 300 for text in texts)
    assert distinct_text("a", 3).count(" ") == 2


def test_time_rule_and_judges_override_the_file_and_each_judge_has_its_own_forecast(plan_file, tmp_path):
    file = plan_file(limit=2, more='[[judges]]\nuri = "scripted:echo"\n')
    judges = ["s-72b@http://127.0.0.1:1/v1", "s-gpt@http://127.0.0.1:2/v1"]
    opened = open_experiment(file, tmp_path / "out", time="released", judges=judges)
    assert {run.settings.time_rule for run in planned_runs(opened.plan)} == {"released"}
    runs, *graded = [part for part, _ in forecast_experiment(opened).parts]
    assert [(part.what, part.usage.n_calls) for part in graded] == [
        ("judge openai:Qwen/Qwen2.5-72B-Instruct-AWQ@http://127.0.0.1:1/v1", 2 * 2 * 2),
        ("judge openai:gpt-4o-mini@http://127.0.0.1:2/v1", 2 * 2 * 5),
    ]
    assert runs.what == "2 runs"
    assert open_experiment(file, tmp_path / "out", judges=[]).plan.judges == ()
