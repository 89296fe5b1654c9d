"""A whole experiment: every method, one journal, one report, and no kill changes it."""

import itertools
import json
import random
import re
import signal
from pathlib import Path
from zlib import crc32

import pytest
from tests.llm.endpoint import Endpoint, answer, completion, error
from tests.processes import Command

from unlike.api import sample_corpus

METHODS = ["non_perso", "rag", "int_sum", "llm_trsr", "llm_trsr_hierarchical", "cicl", "persona_db", "dpl", "drp"]
N_KILLS, CONCURRENCY = 10, 4
TEXTS = ["A short text about it.", "I like it a lot, and it hums.", "No."]


def reply(handler, endpoint):
    """Behave: one of three texts, by the prompt alone; the text of one case fails."""
    text = TEXTS[crc32(json.dumps(handler.asked["messages"]).encode()) % len(TEXTS)]
    refused = is_refused(handler.asked)
    (error(400, "no ferry today") if refused else answer(completion(text)))(handler, endpoint)


def is_refused(request):
    return "Night Ferry" in request["messages"][-1]["content"].partition("The review to write")[2]


@pytest.fixture(scope="module")
def engine():
    engine = Endpoint()
    engine.always = reply
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def plan(engine, tmp_path_factory):
    """An experiment file on the sample corpus."""
    folder = tmp_path_factory.mktemp("experiment")
    sample_corpus(folder / "corpus")
    (folder / "judge.toml").write_text('default = ["Score: 7", "8/10", "lovely"]')
    (folder / "strict.toml").write_text('default = ["Score: 1"]')
    methods = "".join(f'[[methods]]\nmethod = "{name}"\n' for name in METHODS)
    (folder / "all.toml").write_text(
        'title = "All methods"\ncorpus = "corpus"\nlimit = 8\nembedder = "hashing:64"\nmetrics = ["rouge1", "bleu"]\n'
        'sanity = ["rouge1_cut", "length_ratio", "leakage"]\n'
        'settings = { layout = "single", n_records = 2, n_peers = 2, max_tokens = 64 }\n'
        f'llm = {{ uri = "openai:m@{engine.base_url}", concurrency = {CONCURRENCY} }}\n'
        f'{methods}[sweeps]\nmethods = ["dpl"]\nn_peers = [1, 3]\n'
        f'[[judges]]\nname = "kind"\nuri = "scripted:{folder / "judge.toml"}"\n'
        f'[[judges]]\nuri = "scripted:{folder / "strict.toml"}"\nrepeats = 1\n'
    )
    return folder / "all.toml"


def start(plan, out, *more):
    return Command("experiment", plan, "--out", out, *more, OPENAI_API_KEY="none")


@pytest.fixture(scope="module")
def straight(plan, tmp_path_factory):
    """One run from beginning to end: its folder and what it printed."""
    out = tmp_path_factory.mktemp("straight") / "out"
    return out, finished(start(plan, out))


def finished(process):
    """What a process prints that ends with failed cases."""
    out, err = process.communicate()
    assert process.returncode == 3, err
    return out + err


def findings(out):
    """The findings without what a clock measured."""
    found = json.loads((out / "report.json").read_text())
    for variant in found["variants"]:
        assert variant["cost"].pop("llm_s") >= 0
    return found


def rows(out):
    return {
        path.parent.name: re.sub(r'"wall_s": [0-9.]+', "", path.read_text())
        for path in out.glob("runs/*/generations.jsonl")
    }


def test_an_experiment_ends_with_a_report_of_every_method(straight):
    out, printed = straight
    found = findings(out)
    assert [variant["name"] for variant in found["variants"]] == [*METHODS, "dpl K=1", "dpl K=3"]
    assert {Path(name).suffix for name in printed.split() if "report." in name} == {".html", ".md", ".csv", ".tex"}
    assert found["failures"]
    assert all("no ferry today" in failure["reason"] for failure in found["failures"])
    n_failed = {variant["name"]: variant["cells"]["rouge1"]["n_failed"] for variant in found["variants"]}
    assert set(n_failed.values()) == {len(found["failures"]) // len(n_failed)}
    assert {curve["setting"] for curve in found["curves"]} == {"n_peers"}
    assert {test["unit"] for test in found["tests"]} == {"users"}
    assert found["halves"]
    assert len(found["cases"]) == 3
    assert all(0.7 <= variant["cells"]["judge:kind"]["mean"] <= 0.8 for variant in found["variants"])
    assert all(variant["cells"]["judge:strict.toml"]["mean"] == pytest.approx(0.1) for variant in found["variants"])
    assert "1 grades per text; the prompt is ours" in found["facts"]["Judges"]
    html = (out / "report.html").read_text()
    assert "<svg" in html
    assert not re.search(r'(src|href)="http', html)


def test_calls_that_methods_share_are_made_once(straight):
    out, _ = straight
    facts = {path.parent.name: json.loads(path.read_text()) for path in out.glob("runs/*/run.json")}
    done = {name.split("_t0.8")[0]: fact["n_done"] for name, fact in facts.items()}
    persona = facts["persona_db_t0.8_s0"]
    assert persona["n_cached"] == persona["n_cases"]  # the summaries that IntSum made
    assert done["dpl"] == done["rag"]


def test_ten_kills_change_nothing(plan, engine, straight, tmp_path):
    out, draw = tmp_path / "out", random.Random(11)
    engine.requests.clear()
    for _ in range(N_KILLS):
        n_left, process = itertools.count(draw.randrange(1, 30), -1), start(plan, out)

        def kill_at_last(handler, endpoint, n_left=n_left, process=process):
            process.kill() if next(n_left) == 0 else reply(handler, endpoint)

        engine.always = kill_at_last
        assert process.wait() == -signal.SIGKILL
    engine.always = reply
    finished(start(plan, out))
    assert rows(out) == rows(straight[0])
    assert findings(out) == findings(straight[0])
    asked = [json.dumps(request) for request in engine.requests if not is_refused(request)]
    assert len(asked) - len(set(asked)) <= N_KILLS * CONCURRENCY


def test_a_forecast_writes_nothing(plan, tmp_path):
    process = start(plan, tmp_path / "out", "--dry-run")
    printed, err = process.communicate()
    assert process.returncode == 0, err
    assert re.search(r"11 runs, 88 cases: \d+ calls \(\d+ more are in the journal or shared between methods\)", printed)
    assert not (tmp_path / "out").exists()


def test_report_of_finished_runs(straight, tmp_path):
    words = ("--metrics", "rouge1", "--embedder", "hashing:64", "--title", "Again")
    process = Command("report", straight[0], "--out", tmp_path / "r.html", *words)
    _, err = process.communicate()
    assert process.returncode == 0, err
    found = json.loads((tmp_path / "r.json").read_text())
    assert {variant["name"] for variant in found["variants"]} == {*METHODS, "dpl K=1", "dpl K=3"}
