"""Spread over workers, a run writes the rows of one process; a lost worker costs the calls it had in flight."""

import json
import re
from contextlib import closing

import psutil
import pytest

from tests.llm.endpoint import answer, completion
from unlike.api import open_kit
from unlike.errors import EngineError, InputError
from unlike.evaluate.running.read_plan import plan_of
from unlike.evaluate.running.run_method import GENERATIONS, JOURNAL, arun, read_run
from unlike.evaluate.running.run_plan import run_plan
from unlike.prompts.task import STEPS, open_task, templates_of
from unlike.settings import MethodSettings
from unlike.spread.methods import Supplies
from unlike.spread.runs import Spread, plan_spread, run_spread
from unlike.spread.workers import RayEngine
from unlike.sync import wait_for

SETTINGS = MethodSettings(n_records=2, n_peers=2, max_tokens=64)
EMBEDDER = "hashing:64"
ONE, TWO = RayEngine(workers=1), RayEngine(workers=2)


def digest_of_prompt(handler, endpoint):
    """Behave: an answer that depends on the prompt alone."""
    prompt = json.dumps(handler.asked["messages"])
    answer(completion(f"{len(prompt)} {sum(map(ord, prompt))}"))(handler, endpoint)


@pytest.fixture
def engine(endpoint):
    endpoint.always = digest_of_prompt
    return endpoint


def here(corpus, llm, out, method="dpl", limit=8):
    kit = open_kit(corpus, llm, EMBEDDER, SETTINGS, journal=out / JOURNAL)
    with closing(kit.llm._journal):  # an open journal keeps its log beside it
        return wait_for(arun(corpus, method, kit, out, limit=limit))


def there(corpus, llm, out, method="dpl", limit=8, on_progress=lambda progress: None, concurrency=4, engine=TWO):
    spread = Spread(Supplies(corpus, llm, EMBEDDER, concurrency), engine, out / JOURNAL, on_progress)
    return run_spread(spread, method, open_kit(corpus, llm, EMBEDDER, SETTINGS), out, "test", limit, {})


def without_times(out):
    return re.sub(rb'"wall_s": [0-9.]+', b"", (out / GENERATIONS).read_bytes())


def asked(endpoint):
    return [json.dumps(request["messages"]) for request in endpoint.requests]


def test_the_rows_are_those_of_one_process_and_every_call_is_made_once_by_either_engine(ray, sample, engine, tmp_path):
    llm, one, both = f"openai:m@{engine.base_url}", tmp_path / "one", tmp_path / "both"
    here(sample, llm, one)
    n_one, seen = len(engine.requests), []
    here(sample, llm, both, limit=3)  # begun by one process ...
    there(sample, llm, both, on_progress=seen.append)  # ... and finished by the workers
    assert without_times(both) == without_times(one)
    assert sorted(asked(engine)[n_one:]) == sorted(asked(engine)[:n_one])
    assert len(set(asked(engine))) == n_one
    assert (seen[-1].n_cases, seen[-1].n_done, seen[-1].n_failed) == (8, 8, 0)
    facts = [read_run(folder)[1] for folder in (one, both)]
    not_of_the_rows = dict.fromkeys(("wall_s", "n_calls", "n_cached", "prompt_tokens", "completion_tokens"), 0)
    assert facts[0] | not_of_the_rows == facts[1] | not_of_the_rows
    assert sorted(path.name for path in both.iterdir()) == [GENERATIONS, JOURNAL, "run.json"]
    n_all = len(engine.requests)
    assert {row.status for row in here(sample, llm, both)} == {
        "done"
    }  # what the workers were told is never asked again
    assert len(engine.requests) == n_all


def test_a_killed_worker_costs_only_its_calls_in_flight(ray, sample, engine, tmp_path):
    llm, lost = f"openai:m@{engine.base_url}", []

    def lose_one(progress):
        if not lost and progress.n_done >= 4:
            lost.append(next(iter(processes("ray::MapWorker"))))
            lost[0].kill()

    here(sample, llm, tmp_path / "here", limit=21)
    n_here = len(engine.requests)
    there(sample, llm, tmp_path / "there", limit=21, on_progress=lose_one, concurrency=3)
    assert lost
    assert without_times(tmp_path / "there") == without_times(tmp_path / "here")
    paid = asked(engine)[n_here:]
    assert set(paid) == set(asked(engine)[:n_here])
    assert len(paid) - len(set(paid)) <= 3


@pytest.mark.soak
def test_a_run_survives_a_killed_owner_of_the_journal(ray, sample, engine, tmp_path):
    llm, lost = f"openai:m@{engine.base_url}", []

    def lose_one(progress):
        if not lost:
            lost.append(next(iter(processes("ray::JournalOwner"))))
            lost[0].kill()

    here(sample, llm, tmp_path / "here")
    there(sample, llm, tmp_path / "there", on_progress=lose_one)
    assert lost
    assert without_times(tmp_path / "there") == without_times(tmp_path / "here")


def processes(name):
    return [child for child in psutil.Process().children(recursive=True) if " ".join(child.cmdline()).startswith(name)]


def test_a_failed_call_is_a_row_and_a_broken_engine_is_an_error(ray, sample, engine, tmp_path):
    def refuse_one(handler, endpoint):
        refused = sample.cases("test")[1].title in json.dumps(handler.asked["messages"])
        (answer({"error": {"message": "no"}}, 400) if refused else digest_of_prompt)(handler, endpoint)

    engine.always = refuse_one
    llm = f"openai:m@{engine.base_url}"
    rows = there(sample, llm, tmp_path / "a", "non_perso", 3, engine=ONE)
    assert [row.status for row in rows] == ["done", "failed", "done"]
    engine.always = answer({"error": {"message": "wrong key"}}, 401)
    with pytest.raises(EngineError, match="wrong key"):
        there(sample, llm, tmp_path / "b", "non_perso", 3, engine=ONE)


def test_what_a_worker_cannot_open_is_one_line(ray, sample, tmp_path):
    spread = Spread(Supplies(sample, "scripted:none.toml", EMBEDDER), ONE, tmp_path / JOURNAL)
    kit = open_kit(sample, "scripted:echo", EMBEDDER, SETTINGS)
    with pytest.raises(InputError, match=r"none\.toml"):
        run_spread(spread, "rag", kit, tmp_path, "test", 2, {})


@pytest.mark.soak
@pytest.mark.parametrize("measured", [{}, {"metrics": [], "likelihood": 30}], ids=["texts", "likelihood alone"])
def test_an_experiment_has_the_same_rows(ray, sample, engine, tmp_path, measured):
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    built_in = (STEPS / "generate.jinja").read_text()
    (prompts / "generate.jinja").write_text(built_in.replace("to write now", "in our own words, as of now"))
    plan = plan_of(
        {
            "title": "t",
            "limit": 4,
            "llm": {"uri": f"openai:m@{engine.base_url}", "concurrency": 4},
            "settings": {"max_tokens": 64, "n_records": 2, "n_peers": 1},
            "methods": [{"method": "non_perso"}, {"method": "dpl"}],
            "repeats": {"seeds": [0, 1]},
            **measured,
        },
        "test",
    )

    def kit_of(settings):
        return open_kit(sample, plan.llm.uri, EMBEDDER, settings, task=open_task("review", prompts))

    one = wait_for(run_plan(plan, sample, kit_of, tmp_path / "here"))
    n_here = len(engine.requests)
    supplies = Supplies(sample, plan.llm.uri, EMBEDDER, 4, templates=templates_of(prompts))
    spread = Spread(supplies, TWO, tmp_path / "there" / JOURNAL)
    many = plan_spread(spread, plan, kit_of, lambda settings: tmp_path, tmp_path / "there")
    assert [folder.name for folder in many] == [folder.name for folder in one]
    for mine, theirs in zip(one, many, strict=True):
        assert without_times(mine) == without_times(theirs)
        facts = [read_run(folder)[1] for folder in (mine, theirs)]
        assert {**facts[0], "wall_s": 0} == {**facts[1], "wall_s": 0}
    assert sorted(asked(engine)[n_here:]) == sorted(asked(engine)[:n_here])
    assert any("in our own words, as" in prompt for prompt in asked(engine)[n_here:]) is not bool(measured)
    assert all(row.trace["generate"]["prompt_tokens"] for folder in many for row in read_run(folder)[0])
