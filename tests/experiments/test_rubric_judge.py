"""A rubric judge in a whole experiment: calls as forecast, a column, a table, and the criteria in a file."""

import json
import sqlite3
from contextlib import closing

import pytest

import unlike
from unlike.errors import EngineError, InputError
from unlike.experiments.forecast import forecast_experiment
from unlike.experiments.open import open_experiment

LIMIT = 3


@pytest.fixture
def judge(sample, tmp_path):
    """A judge that learns from each user two criteria with quotations, and finds the first of them met."""
    corpus = unlike.Corpus.open(sample)
    rules = [{"contains": "Which of the criteria", "answer": '{"1": true, "2": false}'}]
    for case in corpus.cases("test", LIMIT):
        quoted = [record.text[:30] for record in corpus.history(case.user_id, case.moment)[-2:]]
        criteria = [{"criterion": f"habit {n}", "quotation": words} for n, words in enumerate(quoted)]
        rules.append({"contains": quoted[-1], "answer": json.dumps({"criteria": criteria})})
    (tmp_path / "judge.json").write_text(json.dumps({"rules": rules}))
    return f"scripted:{tmp_path / 'judge.json'}"


def n_calls(out):
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        return dict(journal.execute("SELECT step, count(*) FROM calls GROUP BY step"))


def test_the_calls_are_those_forecast_and_the_report_has_column_table_and_caveat(plan_file, judge, tmp_path):
    file, out = (
        plan_file(limit=LIMIT, more=f'[[judges]]\nkind = "rubric"\nname = "r"\nuri = "{judge}"\n'),
        tmp_path / "out",
    )
    _, (foreseen, _) = forecast_experiment(open_experiment(file, out)).parts
    assert foreseen.what == f"rubric judge {judge}"
    found = unlike.experiment(file, out).findings
    made = n_calls(out)
    assert (made["rubric"], made["rubric_judge"]) == (LIMIT, 2 * LIMIT + 2 * LIMIT)  # two methods, floor and ceiling
    assert foreseen.usage.n_calls == made["rubric"] + made["rubric_judge"]
    assert [part.usage.n_calls for part, _ in forecast_experiment(open_experiment(file, out)).parts] == [0, 0]

    assert [variant.cells["rubric:r"].mean for variant in found.variants] == [0.5, 0.5]
    assert ("rubric:r", "Rubric r", 1.0) in found.metrics
    assert {test.metric for test in found.tests} == {"rouge1", "rubric:r"}
    page = (out / "report.md").read_text()
    assert "Rubric r" in page and "## Rubric judges" in page
    assert f"rubric:r: {LIMIT} users are too few to know whether the criteria distinguish" in page
    assert "criteria per user, one answer per text" in found.facts["Judges"]
    learned = json.loads((out / "rubrics.json").read_text())["rubric:r"]
    assert len(learned) == LIMIT
    assert {len(rubric["found"]) for rubric in learned.values()} == {2}


def test_the_command_s_form_names_a_rubric_judge(plan_file, judge, tmp_path):
    opened = open_experiment(plan_file(), tmp_path / "out", judges=[f"rubric:{judge}", "rubric:s-gpt@http://h:1/v1"])
    assert [(one.kind, one.repeats, one.metric) for one in opened.plan.judges] == [
        ("rubric", 1, "rubric:judge.json"),
        ("rubric", 1, "rubric:s-gpt"),
    ]


def test_all_llms_that_cannot_be_opened_are_named_before_any_text_is_written(plan_file, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(InputError, match="^judge openai:gpt-4o-mini: OpenAI needs a key"):
        unlike.experiment(plan_file(more='judges = ["s-gpt"]\n'), tmp_path / "out")
    with pytest.raises(InputError, match="^OpenAI needs a key: .*; rubric judge .*: OpenAI needs a key"):
        unlike.experiment(plan_file(more='judges = ["rubric:s-gpt"]\n'), tmp_path / "both", llm="openai:m")
    assert not (tmp_path / "out").exists() and not (tmp_path / "both").exists(), "nor was an adapter trained"


def test_a_judge_that_cannot_be_used_any_more_leaves_a_report_that_says_so(plan_file, tmp_path, monkeypatch):
    async def refused(grading, runs):
        raise EngineError("the endpoint refuses the key")

    file = plan_file(more='judges = ["scripted:echo"]\n')
    with monkeypatch.context() as patched:
        patched.setattr("unlike.experiments.experiment.grade_all", refused)
        with pytest.raises(EngineError, match="judge scripted:echo: .*refuses the key; .*report.html is without these"):
            unlike.experiment(file, tmp_path / "out")
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "judge:echo: the judge failed: the endpoint refuses the key" in page and "ROUGE-1" in page
    found = unlike.experiment(file, tmp_path / "out").findings
    assert any(
        note.startswith("judge:echo of rag, dpl, in each run: 3 of 3 texts got no grade (") for note in found.notes
    )
    assert (found.n_users, found.n_cases) == (3, 3)
