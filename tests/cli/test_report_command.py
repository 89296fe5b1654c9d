"""``unlike report``: what is known of the users, and one line for what is wrong."""

import json

import pytest
from tests.cli.shop import write_lines

from unlike.api import open_kit, sample_corpus
from unlike.data.corpus import Corpus
from unlike.errors import InputError
from unlike.evaluate.running.run_method import arun
from unlike.experiments.report import report
from unlike.experiments.run import run
from unlike.settings import MethodSettings
from unlike.sync import wait_for

FEW = MethodSettings(n_records=2, n_peers=2)


@pytest.fixture
def runs(unlike, sample, tmp_path):
    """Two runs on the sample corpus."""
    for method in ("non_perso", "rag"):
        fixed = ("--corpus", sample, "--llm", "scripted:echo", "--embedder", "hashing:64", "--records", "2")
        assert unlike("run", *fixed, "--method", method, "--limit", "6", "--out", tmp_path / method)[0] == 0
    return tmp_path / "non_perso", tmp_path / "rag"


def words(runs, tmp_path, *more):
    return ("report", *runs, "--metrics", "rouge1", "--embedder", "hashing:64", "--out", tmp_path / "r.html", *more)


def test_gains_by_what_is_known_of_the_users(unlike, runs, tmp_path):
    users = sorted({json.loads(line)["user_id"] for line in (runs[0] / "generations.jsonl").open()})
    lines = [f"{user},{'old' if place % 2 else 'young'}\n" for place, user in enumerate(users)]
    (tmp_path / "users.csv").write_text("user_id,age\n" + "".join(lines))
    assert unlike(*words(runs, tmp_path, "--users", tmp_path / "users.csv"))[0] == 0
    gains = json.loads((tmp_path / "r.json").read_text())["group_gains"]
    assert {gain["group"] for gain in gains if gain["attribute"] == "age"} == {"old", "young"}


def test_a_method_of_ones_own_is_a_row_though_only_its_run_is_here(unlike, runs, tmp_path):
    (tmp_path / "own").mkdir()
    facts = json.loads((runs[1] / "run.json").read_text())
    (tmp_path / "own" / "run.json").write_text(json.dumps(facts | {"method": "mine"}))
    rows = [json.loads(line) | {"method": "mine"} for line in (runs[1] / "generations.jsonl").open()]
    write_lines(tmp_path / "own" / "generations.jsonl", rows)
    assert unlike(*words((runs[0], tmp_path / "own"), tmp_path))[0] == 0
    variants = json.loads((tmp_path / "r.json").read_text())["variants"]
    assert [(one["name"], one["is_baseline"]) for one in variants] == [("non_perso", True), ("mine", False)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--users", "nothing.csv"), "users: no such file"),
        (("--metrics", "rouge9"), "rouge9"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(more, message, unlike, runs, tmp_path):
    status, _, err = unlike(*words(runs, tmp_path, *more))
    assert status == 2
    assert err.startswith("unlike: report: ")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def run_by_run(corpus, out):
    run(corpus, "dpl", "scripted:echo", out, embedder="hashing:64", settings=FEW, limit=2)


def run_by_arun(corpus, out):
    wait_for(arun(corpus, "dpl", open_kit(corpus, "scripted:echo", "hashing:64", FEW), out, limit=2))


def readers_of(folder, tmp_path):
    """Every command that reads a run folder and its corpus."""
    return {
        "report": words((folder,), tmp_path),
        "show": ("show", folder, "1"),
        "evaluate": ("evaluate", folder, "--metrics", "leakage,rouge1"),
    }


@pytest.mark.parametrize("make", [run_by_run, run_by_arun])
def test_commands_read_a_run_that_python_made(make, unlike, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(sample.parent)
    make(Corpus.open(sample.name), tmp_path / "dpl")
    monkeypatch.chdir(tmp_path)
    said = {name: unlike(*words) for name, words in readers_of(tmp_path / "dpl", tmp_path).items()}
    assert {name: (status, err) for name, (status, _, err) in said.items() if status} == {}
    assert "Leakage" in said["evaluate"][1]
    assert "needs" not in said["evaluate"][1]


def test_a_report_overwrites_reports_and_nothing_else(unlike, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.csv").write_text("my;own;numbers")
    words_of_it = ("report", *runs, "--metrics", "rouge1", "--embedder", "hashing:64")
    status, _, err = unlike(*words_of_it)
    assert (status, err) == (
        2,
        "unlike: report.csv is there and was not made with a report; name another file with --out\n",
    )
    assert (tmp_path / "report.csv").read_text() == "my;own;numbers"
    for _ in range(2):
        assert unlike(*words_of_it, "--out", "mine.html")[0] == 0
    assert unlike("report", runs[0], *words_of_it[3:])[0] == 0
    assert (runs[0] / "report.html").is_file()


def test_a_report_on_an_experiment_leaves_its_own_report(unlike, sample, tmp_path):
    plan = f'title = "Mine"\ncorpus = "{sample}"\nlimit = 2\nembedder = "hashing:64"\nmethods = ["rag"]\n'
    (tmp_path / "mine.toml").write_text(plan + 'metrics = ["rouge1"]\nllm = "scripted:echo"\n')
    out = tmp_path / "mine"
    assert unlike("experiment", tmp_path / "mine.toml", "--out", out)[0] == 0
    own = {file.name: file.read_bytes() for file in out.glob("report.*")}
    for folder in (out, next((out / "runs").iterdir()), out):
        file = () if folder == out else ("--out", tmp_path / "one.html")
        assert unlike("report", folder, "--embedder", "hashing:64", *file)[0] == 0
        made = out / "comparison.json" if folder == out else tmp_path / "one.json"
        assert json.loads(made.read_text())["main"] == ["rouge1"]  # the experiment's own
    assert {file.name: file.read_bytes() for file in out.glob("report.*")} == own
    assert json.loads((out / "comparison.json").read_text())["title"] == "Comparison"


def test_runs_of_two_llms_are_named_and_not_compared(unlike, runs, tmp_path):
    facts = json.loads((runs[1] / "run.json").read_text())
    facts["settings"]["n_records"] = 1
    (runs[1] / "run.json").write_text(json.dumps(facts | {"llm": "scripted:other"}))
    status, out, _ = unlike(*words(runs, tmp_path))
    assert status == 0
    assert "nothing is compared across" in " ".join(out.split())
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["variants"][1]["settings"] == {"LLM": "scripted:other", "n_records": 1}
    assert found["facts"]["LLM"] == "differs: scripted:echo (non_perso); scripted:other (rag)"
    assert found["facts"]["Settings"].endswith("differs: n_records 2 (non_perso); n_records 1 (rag)")


def test_users_who_are_in_no_run_are_said(unlike, runs, tmp_path):
    (tmp_path / "users.csv").write_text("user_id,age\nnobody,old\n")
    status, out, _ = unlike(*words(runs, tmp_path, "--users", tmp_path / "users.csv"))
    assert status == 0
    assert "None of the 6 users has a value in users.csv: are these the corpus's user ids?" in " ".join(out.split())


def test_a_report_measures_with_the_encoder_of_the_runs(unlike, runs, tmp_path):
    words_of_it = [word for word in words(runs, tmp_path) if word not in ("--embedder", "hashing:64")]
    assert unlike(*words_of_it)[0] == 0
    assert json.loads((tmp_path / "r.json").read_text())["facts"]["Embedder"] == "hashing:64"


def test_a_run_on_a_corpus_in_memory_or_one_that_is_gone_says_what_to_give(unlike, sample, tmp_path):
    run_by_run(sample_corpus(), tmp_path / "dpl")
    facts = json.loads((tmp_path / "dpl" / "run.json").read_text())
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "run.json").write_text(json.dumps(facts | {"corpus": "gone"}))
    (tmp_path / "moved" / "generations.jsonl").write_bytes((tmp_path / "dpl" / "generations.jsonl").read_bytes())
    for folder in ("dpl", "moved"):
        for name, words_of_it in readers_of(tmp_path / folder, tmp_path).items():
            status, _, err = unlike(*words_of_it)
            assert (status, len(err.splitlines())) == (2, 1), (name, err)
            assert "--corpus" in err
            assert unlike(*words_of_it, "--corpus", sample)[0] == 0, name


def test_a_report_that_is_no_html_overwrites_nothing(unlike, runs, tmp_path):
    (tmp_path / "users.json").write_text("mine")
    status, _, err = unlike("report", *runs, "--embedder", "hashing:64", "--out", tmp_path / "users.csv")
    assert status == 2 and "is no HTML file" in err
    assert (tmp_path / "users.json").read_text() == "mine"
    assert not (tmp_path / "users.csv").exists()


def test_runs_on_two_splits_are_not_compared(unlike, runs, sample, tmp_path):
    facts = json.loads((runs[1] / "run.json").read_text())
    (runs[1] / "run.json").write_text(json.dumps(facts | {"split": "train"}))
    status, _, err = unlike(*words(runs, tmp_path))
    assert status == 2 and "these runs are on the splits test, train, so not comparable; give runs on one split" in err


def test_an_experiment_without_a_finished_run_is_one_line(unlike, sample, tmp_path):
    (tmp_path / "mine" / "runs" / "rag_t0.8_s0").mkdir(parents=True)
    for words_of_it in (("report", tmp_path / "mine"), ("authorship", sample, tmp_path / "mine")):
        status, _, err = unlike(*words_of_it)
        assert status == 2 and f"{tmp_path / 'mine'} has no finished run; continue its experiment first" in err
        assert len(err.strip().splitlines()) == 1
    with pytest.raises(InputError, match="no runs to compare: give run folders"):
        report([])
