"""The papers' figures stand beside the same corpus, split, model and settings, and nowhere else."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from unlike.data.corpus import Corpus
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.read_plan import plan_of
from unlike.evaluate.running.run_plan import planned_facts
from unlike.evaluate.statistics.measured import MeasuredRun
from unlike.evaluate.statistics.paper import METRICS, TEST_CASES, _rows, data_set_of, published
from unlike.records import Case, Generation
from unlike.settings import MethodSettings

SOURCE = {"name": "dpl-hub", "main": "DPL-main", "meta": "DPL-meta", "category": "Books"}
N_BOOKS = TEST_CASES["Books"]


def corpus(n=N_BOOKS, **source):
    cases = [Case(f"c{k}", f"u{k}", "i", 0, split="test") for k in range(n)]
    return Corpus([], [], cases, {"source": SOURCE | source})


BOOKS = corpus()


def run_of(
    method="dpl", llm="openai:Qwen/Qwen2.5-14B-Instruct", n_cases=N_BOOKS, adapter=None, split="test", **settings
):
    rows = [Generation(f"c{k}", f"u{k}", "i", method, "t", "r", "done") for k in range(n_cases)]
    facts = {"method": method, "llm": llm, "split": split, "adapter": adapter}
    return MeasuredRun(Path("run"), rows, facts | {"settings": asdict(replace(MethodSettings(), **settings))})


def figures(*runs, on=BOOKS):
    found = published(runs, on)
    return (found.table, dict(found.figures)) if found else None


def test_table_8_of_dpl_by_number_of_records():
    assert figures(run_of()) == ("DPL, table 8", {"rouge1": 0.3315, "meteor": 0.2438})
    assert figures(run_of("rag", n_records=2))[1]["meteor"] == 0.1971
    assert figures(run_of("non_perso", n_records=2))[1]["rouge1"] == 0.2683
    assert figures(run_of("drp")) is None


@pytest.mark.parametrize(
    "other",
    [
        {"llm": "openai:Qwen/Qwen2.5-14B-Instruct-AWQ"},
        {"llm": "openai:Qwen/Qwen2.5-72B-Instruct"},
        {"llm": "scripted:echo"},
        {"n_cases": N_BOOKS - 1},
        {"split": "validation"},
        {"temperature": 0.2},
        {"n_records": 3},
        {"selector": "random"},
        {"dimensions": ()},
    ],
)
def test_nothing_stands_beside_another_run(other):
    assert figures(run_of(**other)) is None
    assert figures(run_of(), run_of(**other)) is None


def test_nothing_stands_beside_another_corpus():
    assert data_set_of(corpus(TEST_CASES["Movies & TV"], category="Movies_and_TV")) == "Movies & TV"
    for other in (corpus(n=21), corpus(category="CDs_and_Vinyl"), corpus(name="amazon-2023"), corpus(main="DPL-Yelp")):
        assert data_set_of(other) == ""
        assert figures(run_of(), on=other) is None


def test_table_1_of_dep_by_model_and_its_ablations_by_adapter():
    small, large = "transformers:Qwen2.5-7B-Instruct:bfloat16", "vllm:/models/Qwen2.5-32B-Instruct"
    assert figures(run_of("rag", small, retriever="recency"))[1]["bertscore"] == 0.5083
    assert figures(run_of("rag", large, retriever="recency"))[1]["bertscore"] == 0.5159
    assert figures(run_of("rag", large))[0] == "DEP, table 8"
    plan = plan_of(
        {
            "title": "t",
            "adapters": [
                {"name": "both", "kind": "dep"},
                {"name": "his", "kind": "dep", "set": {"signals": ["his"], "with_text": False}},
                {"name": "raw", "kind": "dep", "set": {"reduction": "raw", "standardise": False}},
                {"name": "four", "kind": "dep", "set": {"n_records": 4}},
            ],
            "methods": [
                {"method": "dep", "name": name, "settings": {"adapter": name}}
                for name in ("both", "his", "raw", "four")
            ],
        },
        "test",
    )
    adapters = {planned.variant: planned_facts(plan, planned)["adapter"] for planned in planned_runs(plan)}
    found = {name: figures(run_of("dep", small, adapter=adapter)) for name, adapter in adapters.items()}
    assert found["both"][1] == {"rouge1": 0.3745, "meteor": 0.3156, "bleu": 13.53, "bertscore": 0.5557}
    assert found["his"] == ("DEP, tables 2 and 6", {"rouge1": 0.2912, "meteor": 0.1718, "bleu": 2.4364})
    assert found["raw"][0] == "DEP, tables 3 and 7" and found["four"] is None
    assert figures(run_of("dep", small)) is None


def test_every_row_is_complete_and_no_judge_is_among_them():
    keys = [(row["data_set"], row["llm"], row["method"], row["settings"]) for row in _rows()]
    assert len(set(keys)) == len(keys) == 138
    assert {data_set for data_set, *_ in keys} == set(TEST_CASES)
    assert all(0 < float(row[name]) < 14 for row in _rows() for name in METRICS if row[name])
    assert set(_rows()[0]) == {"table", "data_set", "llm", "method", "settings", *METRICS}
