"""What a run needs, and what it says of its encoder."""

import asyncio
import inspect
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import unlike
from unlike.errors import InputError
from unlike.experiments.explain import find_row
from unlike.experiments.run import run
from unlike.experiments.watch import Watch
from unlike.llm.scripted import ScriptedBackend
from unlike.methods.steps import draft, read_history, retrieve, summarise
from unlike.methods.table import METHODS
from unlike.records import Generation, Record


def test_rag_needs_no_encoder_and_dpl_does(sample, tmp_path):
    corpus, nowhere = unlike.Corpus.open(sample), "hashing:1"
    assert len(run(corpus, "rag", "scripted:echo", tmp_path / "rag", embedder=nowhere, limit=1)) == 1
    with pytest.raises(InputError, match="hashing:1 has no usable size"):
        run(corpus, "dpl", "scripted:echo", tmp_path / "dpl", embedder=nowhere, limit=1)


@pytest.mark.parametrize(
    ("share", "said"), [(0.931, ["warning: short reads the first 256 tokens of a text, 93% of these texts"]), (1.0, [])]
)
def test_how_much_an_encoder_reads_of_long_texts_is_said(share, said):
    lines = []
    encoder = SimpleNamespace(name="short", read_share=lambda texts: (256, share))
    Watch(say=lines.append).cut_texts(encoder, ["a text"])
    Watch(say=lines.append).cut_texts(SimpleNamespace(name="whole"), ["a text"])
    assert lines == said


@pytest.mark.parametrize(("limit", "said"), [(1, 1), (3, 1), (4, 0), (None, 0)])
def test_first_users_who_wrote_much_more_than_all_are_said(limit, said):
    """Of six users with a case each, the first three wrote ten records, the others one."""
    counts = {f"u{n}": 10 if n < 3 else 1 for n in range(6)}
    records = [
        Record(f"{user}-{n}", user, f"i{n}", "a text", n) for user, count in counts.items() for n in range(count)
    ]
    cases = [SimpleNamespace(user_id=user) for user in counts]
    corpus = SimpleNamespace(records=lambda: records, cases=lambda split: cases)
    lines = []
    Watch(say=lines.append).first_cases(corpus, "test", limit)
    assert len(lines) == said
    assert all("wrote 10 records each, those of all cases 6" in line and f"size = {limit}" in line for line in lines)


def test_an_llm_that_scores_no_texts_is_refused_before_any_is_written(plan_file, tmp_path):
    with pytest.raises(InputError, match="does not score texts"):
        unlike.experiment(plan_file(more="likelihood = 8\n"), tmp_path / "out")
    assert not (tmp_path / "out" / "runs").exists()


def test_rules_of_a_script_that_matched_nothing_are_said(sample, plan_file, tmp_path):
    def rule(contains):
        return f'[[rules]]\ncontains = "{contains}"\nanswer = "A short text."\n'

    file, lines = tmp_path / "s.toml", []
    file.write_text(rule("gone with the old wording") + rule("a"))
    script, watch = f"scripted:{file}", Watch(say=lines.append)
    for _ in range(2):  # the second time, all answers are in the journal, and no rule is tried
        run(unlike.Corpus.open(sample), "rag", script, tmp_path / "rag", embedder="hashing:16", limit=1, watch=watch)
    unlike.experiment(plan_file(llm=script, methods=("rag",)), tmp_path / "out", watch=watch)
    assert [line.partition(", and ")[2] for line in lines] == [
        "no message matched the rules 'gone with the old wording'"
    ] * 2


def test_paths_may_be_strings_and_an_experiment_takes_an_open_llm(sample, plan_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus, llm = unlike.sample_corpus("corpus"), ScriptedBackend(lambda messages, sampling: "A text.", name="mine")
    llm.model = "mine:1"  # of no known scheme
    kwargs = {"embedder": "hashing:16", "journal": "j.sqlite", "limit": 1}
    assert unlike.run(corpus, "rag", llm, "rag", **kwargs)
    assert unlike.score(["rag"], ["rouge1"]).rows[0].n == 1
    metrics = ["length_ratio", "rouge1"]
    report = unlike.report(["rag"], "r.html", corpus="corpus", embedder="hashing:16", metrics=metrics)
    assert report.files[0].is_file()
    assert report.findings.main == ["rouge1"] and "length_ratio" in [name for name, *_ in report.findings.metrics]
    kit = unlike.open_kit(corpus, llm, "hashing:16", journal="k.sqlite", vectors="v.sqlite")
    assert asyncio.run(unlike.arun(corpus, "rag", kit, "again", limit=1))
    assert unlike.open_encoder("hashing:16", "w.sqlite").encode(["a"]).shape == (1, 16)
    asked = llm.n_calls
    found = unlike.experiment(str(plan_file(limit=1)), "out", corpus="corpus", llm=llm, adapters_at="adapters")
    assert found.findings.facts["LLM"] == "mine:1"
    assert llm.n_calls > asked
    (tmp_path / "prompts").mkdir()
    assert unlike.open_task("review", "prompts").name == "review"
    (tmp_path / "s.toml").touch()
    with unlike.open_memory("store", settings="s.toml", new=True) as memory:
        assert memory.settings
    with pytest.raises(InputError, match="adapters are trained on the model itself"):
        unlike.train(corpus, "dep", "scripted:echo", "dep")


def test_a_store_that_is_not_there_is_said_before_a_wrong_llm_and_none_is_made_for_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no store in store"), unlike.open_memory("store", "opnai:m", "nothing/x"):
        pass
    with pytest.raises(InputError, match="LLM: 'opnai:m'"), unlike.open_memory("store", "opnai:m", new=True):
        pass
    assert not list(tmp_path.iterdir())


def test_every_public_function_takes_a_string_for_a_path():
    functions = {name: value for name in unlike.__all__ if inspect.isfunction(value := getattr(unlike, name))}
    for name, function in functions.items():
        for parameter in inspect.signature(function).parameters.values():
            words = str(parameter.annotation).replace("pathlib.", "")
            assert "Path" not in words or "Path | str" in words or "str | Path" in words, (name, parameter)


def test_a_run_of_few_cases_counts_its_calls_and_shows_each(sample, tmp_path, monkeypatch):
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    seen, corpus = [], unlike.Corpus.open(sample)

    def begin(limit):
        seen.clear()
        watch = Watch(lambda *progress: seen.append(progress))
        run(corpus, "dpl", "scripted:echo", tmp_path / "dpl", embedder="hashing:64", limit=limit, watch=watch)
        return [(n_done, n_total) for what, n_done, n_total, _ in seen if what == "dpl, LLM calls"]

    shown, n_calls = begin(1), json.loads((tmp_path / "dpl" / "run.json").read_text())["n_calls"]
    assert n_calls > 3
    assert shown == [(n, n_calls) for n in range(n_calls + 1)]
    more = begin(2)  # the calls of the first case are in the journal
    assert (more[0], more[-1]) == ((0, n_calls), (n_calls, n_calls))
    assert seen[-1][3].startswith("2 of 2 cases, ")
    begin(2)
    assert {what for what, *_ in seen} == {"dpl"}


def test_cases_are_counted_where_a_method_of_ones_own_fails_without_real_answers(sample, tmp_path, monkeypatch):
    async def picky(case, kit):
        profile = await summarise(await retrieve(case, await read_history(case, kit), kit), [], kit)
        if profile.text != "Yes.":
            raise KeyError("no such answer")
        return await draft(case, kit)

    monkeypatch.setitem(METHODS, "picky", picky)
    seen, corpus = [], unlike.Corpus.open(sample)
    llm = ScriptedBackend(lambda messages, sampling: "Yes.")
    watch = Watch(lambda *progress: seen.append(progress))
    rows = run(corpus, "picky", llm, tmp_path / "picky", embedder="hashing:16", limit=2, watch=watch)
    assert [row.text for row in rows] == ["Yes.", "Yes."]
    assert {what for what, *_ in seen if what.startswith("picky")} == {"picky"}


def test_a_case_is_found_by_its_id_before_its_number():
    rows = [Generation(case_id, "u", "i", "rag", "text", None, "done") for case_id in ("3", "1", "x")]
    found = {case: find_row(rows, case, Path("run")).case_id for case in ("1", "2", "3", "x")}
    assert found == {"1": "1", "2": "1", "3": "3", "x": "x"}
    for case in ("4", "0", "²"):
        with pytest.raises(InputError, match="give a number from 1 to 3, a case_id or a user_id"):
            find_row(rows, case, Path("run"))


def test_a_user_with_one_case_is_that_case():
    users = ("2", "ada", "bo", "bo")
    rows = [Generation(f"c{n}", user, "i", "rag", "text", None, "done") for n, user in enumerate(users)]
    assert find_row(rows, "ada", Path("run")).case_id == "c1"
    assert find_row(rows, "2", Path("run")).case_id == "c1", "a number comes first"
    with pytest.raises(InputError, match="user 'bo' has several cases in run: c2, c3; give one"):
        find_row(rows, "bo", Path("run"))


def test_a_metric_with_the_same_value_for_all_is_noted_and_has_no_best(plan_file, tmp_path):
    (tmp_path / "s.toml").write_text('[[rules]]\ncontains = "a"\nanswer = "A short text."\n')
    found = unlike.experiment(plan_file(llm=f"scripted:{tmp_path / 's.toml'}"), tmp_path / "out").findings
    (note,) = (note for note in found.notes if "the same value" in note)
    assert note == "ROUGE-1: the same value for every variant, which distinguishes none of them."
    assert {variant.cells["rouge1"].rank for variant in found.variants} == {0}
