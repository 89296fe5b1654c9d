"""Templates of one's own that nothing reads are named before the first call."""

import pytest

import unlike
from unlike.experiments.forecast import forecast_run
from unlike.experiments.open import open_experiment
from unlike.experiments.run import RunRequest
from unlike.experiments.unread_templates import unread_templates
from unlike.experiments.watch import Watch
from unlike.methods.table import ADAPTED, METHODS, STEPS
from unlike.prompts.task import STEPS as TEMPLATES
from unlike.settings import MethodSettings

UNREAD = "generate.jinja is not read with layout turns, which reads generate_turns.jinja"


@pytest.fixture
def prompts(tmp_path):
    """A folder with copies of built-in templates."""
    folder = tmp_path / "prompts"
    folder.mkdir()

    def copied(*steps):
        for step in steps:
            (folder / f"{step}.jinja").write_text((TEMPLATES / f"{step}.jinja").read_text())
        return folder

    return copied


def test_runs_experiments_and_forecasts_say_it_once(plan_file, sample, prompts, tmp_path):
    said, folder = [], prompts("generate", "parts", "judge")
    watch, corpus = Watch(say=said.append), unlike.Corpus.open(sample)
    lines = [f"warning: prompts folder {folder}: {line}" for line in (UNREAD, "judge.jinja is not read by rag")]
    request = RunRequest(corpus, "rag", "scripted:echo", tmp_path / "r", "hashing:64", limit=1, prompts=folder)
    forecast_run(request, watch)
    assert said == lines
    unlike.run(
        corpus, "rag", "scripted:echo", tmp_path / "r", embedder="hashing:64", limit=1, prompts=folder, watch=watch
    )
    assert said == lines * 2
    file = plan_file(limit=1, methods=("rag",))
    file.write_text(f'prompts = "{folder}"\n' + file.read_text())
    unlike.experiment(file, tmp_path / "own", watch=watch)
    assert said == lines * 3
    open_experiment(file, tmp_path / "other", judges=["scripted:echo"], watch=watch)
    assert said == [*lines * 3, lines[0]]


def test_what_is_read_or_included_or_may_be_is_not_named(prompts):
    folder = prompts("generate_turns", "difference", "summary", "filter")
    turns, single = MethodSettings(), MethodSettings(layout="single")
    assert unread_templates(None, [("rag", turns)]) == []
    assert unread_templates(folder, [("dpl", turns), ("drp_filtered", turns)]) == []
    assert unread_templates(folder, [("dpl", turns)]) == ["filter.jinja is not read by dpl"]
    assert unread_templates(folder, [("dpl", turns), ("rag", single)], ["filter"]) == []
    assert unread_templates(folder, [("of_my_own", single)]) == [
        "generate_turns.jinja is not read with layout single, which reads generate.jinja"
    ]
    (folder / "own.jinja").write_text("{# included #}")
    (folder / "summary.jinja").write_text("{% block user %}{% include 'own.jinja' %}{% endblock %}")
    assert unread_templates(folder, [("dpl", turns)], ["filter"]) == []


def test_the_steps_of_each_method_are_those_that_it_asks(sample):
    corpus = unlike.Corpus.open(sample)
    assert STEPS.keys() == METHODS.keys()
    templates = {path.stem for path in TEMPLATES.glob("*.jinja")}
    asked = {step for steps in STEPS.values() for step in steps}
    for method in METHODS.keys() - set(ADAPTED):
        kit = unlike.open_kit(corpus, llm="scripted:echo", embedder="hashing:64")
        for case in corpus.cases("test")[:3]:
            trace = unlike.generate(case, method, kit).trace
            seen = _steps_in(trace) & templates
            assert seen - {"generate_turns"} <= set(STEPS[method]), method
            asked -= seen
    assert asked == set()


def _steps_in(trace):
    """Every value of ``step``, wherever the method put the call."""
    if isinstance(trace, dict):
        return {trace.get("step")} | _steps_in(list(trace.values()))
    return {step for one in trace for step in _steps_in(one)} if isinstance(trace, list | tuple) else set()
