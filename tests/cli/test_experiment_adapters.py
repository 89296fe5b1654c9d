"""Experiments that train adapters: what a dry run says of them, and that none is used that was asked for otherwise."""

import json

import pytest
import torch
from tests.llm.tiny_llm import tiny_llm

ADAPTER = (
    "[[adapters]]\n"
    'name = "dep"\nkind = "dep"\npreset = "small"\n'
    "set = {{ n_records = 1, with_text = false, text_chars = 60, max_prompt_tokens = 1900, max_targets = 1, "
    "max_target_tokens = 8, validation = 2, max_steps = {steps}, learning_rate = {rate} }}\n"
)


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    torch.set_num_threads(1)
    return tiny_llm(tmp_path_factory.mktemp("llm"), seed=3)


@pytest.fixture
def plan(sample, llm, tmp_path):
    """Writes the experiment file; returns it."""

    def write(steps=2, rate=0.001, uri=f"transformers:{llm}"):
        (tmp_path / "e.toml").write_text(
            f'title = "Soft"\ncorpus = "{sample}"\nlimit = 2\nembedder = "hashing:16"\nmetrics = ["rouge1"]\nsanity = []\n'
            "likelihood = 8\nsettings = { n_records = 1, max_tokens = 8 }\n"
            f'llm = {{ uri = "{uri}", context_tokens = 1950 }}\n'
            '[[methods]]\nmethod = "non_perso"\n'
            '[[methods]]\nmethod = "dep"\nname = "dep"\nsettings = { adapter = "dep" }\n'
            + ADAPTER.format(steps=steps, rate=rate)
        )
        return tmp_path / "e.toml"

    return write


def test_a_dry_run_says_what_would_be_trained_and_forecasts_the_rest(unlike, plan, tmp_path):
    words = ("experiment", plan(), "--out", tmp_path / "out", "--dry-run")
    status, out, err = unlike(*words)
    assert status == 0, err
    assert "adapter dep (dep), seed 0: not trained yet, would be trained first: 2 steps" in out
    assert "1 of 2 runs need untrained adapters and are left out of the forecast" in out
    assert "1 run, 2 cases: 2 calls" in out
    assert not (tmp_path / "out").exists()


def test_trained_it_is_used_forecast_and_not_trained_again(unlike, plan, tmp_path):
    words = ("experiment", plan(), "--out", tmp_path / "out")
    status, out, err = unlike(*words)
    assert status == 0, out + err
    assert "training step: 1 of 2" in err
    about = tmp_path / "out" / "adapters" / "dep-s0" / "adapter.json"
    trained = about.read_bytes()
    for run in (tmp_path / "out" / "runs").iterdir():
        rows = [json.loads(line) for line in (run / "likelihood.jsonl").open()]
        assert [(row["max_tokens"], row["error"]) for row in rows] == [(8, ""), (8, "")]
    status, out, _ = unlike(*words, "--dry-run")
    assert status == 0
    assert "0 calls (4 more are in the journal" in out
    assert "trained" not in out
    status, out, err = unlike(*words)
    assert status == 0
    assert "training step" not in err
    assert about.read_bytes() == trained
    status, _, err = unlike("report", tmp_path / "out", "--out", tmp_path / "r.html", "--embedder", "hashing:16")
    assert status == 0, err


def test_an_adapter_that_was_asked_for_otherwise_is_not_used(unlike, plan, tmp_path):
    assert unlike("experiment", plan(), "--out", tmp_path / "out")[0] == 0
    for more in ((), ("--dry-run",)):
        status, _, err = unlike("experiment", plan(steps=3, rate=0.002), "--out", tmp_path / "out", *more)
        assert status == 2
        assert "learning_rate 0.001, asked 0.002; max_steps 2, asked 3" in err
        assert "use another name in [[adapters]], or delete the folder" in err
        assert len(err.strip().splitlines()) == 1
    status, _, err = unlike("experiment", plan(), "--out", tmp_path / "out", "--embedder", "hashing:32")
    assert status == 2
    assert "embedder 'hashing:16', asked 'hashing:32'" in err


def test_what_cannot_be_trained_on_is_said_before_anything_runs(unlike, plan, tmp_path):
    for more in ((), ("--dry-run",)):
        status, _, err = unlike("experiment", plan(uri="scripted:echo"), "--out", tmp_path / "out", *more)
        assert status == 2
        assert "is not transformers:MODEL" in err
