"""Experiments that train adapters: what a dry run says of them, and that none is used that was asked for otherwise."""

import json

import pytest
import torch
from tests.llm import fake_vllm
from tests.llm.tiny_llm import tiny_llm

from unlike.llm.vllm_local import VllmBackend

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
    assert "2 runs, 4 cases: 4 calls" in out
    assert not (tmp_path / "out").exists()


def test_trained_it_is_used_forecast_and_not_trained_again(unlike, plan, tmp_path):
    words = ("experiment", plan(), "--out", tmp_path / "out")
    status, out, err = unlike(*words)
    assert status == 0, out + err
    assert "training step: 1 of 2" in err
    assert "dep: 2 steps over " in out + err
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


def test_a_dry_run_counts_the_validation_texts_that_choose_a_checkpoint(unlike, plan, tmp_path):
    file = plan()
    file.write_text(file.read_text().replace("validation = 2,", 'validation = 2, choose_by = "meteor",'))
    status, out, err = unlike("experiment", file, "--out", tmp_path / "out", "--dry-run")
    assert status == 0, err
    assert "trained first: 2 steps, 2 validation texts" in out


def test_training_is_a_step_of_its_own_that_opens_no_engine(unlike, plan, llm, tmp_path, monkeypatch):
    def opened(*_, **__):
        raise AssertionError("an engine was opened")

    words = ("experiment", plan(uri=f"vllm:{llm}"), "--out", tmp_path / "out")
    monkeypatch.setattr("unlike.llm.vllm_local.VllmBackend.__init__", opened)
    for more, says in (("--dry-run", "4 calls"), ("--train", "1 adapter trained"), ("--train", "0 adapters trained")):
        status, out, err = unlike(*words, more)
        assert status == 0, out + err
        assert says in out
    assert (tmp_path / "out" / "adapters" / "dep-s0" / "adapter.json").is_file()
    assert not (tmp_path / "out" / "runs").exists()


def test_adapters_are_made_before_vllm_is_opened(unlike, plan, llm, tmp_path, monkeypatch):
    fake_vllm.put_in_place(monkeypatch)
    out = tmp_path / "out"
    start = VllmBackend._start

    def started(self, *given):
        assert (out / "adapters" / "dep-s0" / "adapter.json").is_file()
        return start(self, *given)

    monkeypatch.setattr(VllmBackend, "_start", started)
    status, said, err = unlike("experiment", plan(uri=f"vllm:{llm}"), "--out", out)
    assert status == 0, said + err
    assert "training step: 1 of 2" in err
    assert {path.name for path in (out / "runs").iterdir()} == {"non_perso_t0.8_s0", "dep_t0.8_s0"}


def test_experiments_share_an_adapter_for_several_corpora(unlike, plan, sample, tmp_path):
    shared = ("--train-on", sample, "--train-on", sample, "--adapters", tmp_path / "shared")
    status, out, err = unlike("experiment", plan(), "--out", tmp_path / "first", *shared, "--dry-run")
    assert status == 0, err
    assert unlike("experiment", plan(), "--out", tmp_path / "first", *shared, "--train")[0] == 0
    trained = json.loads((tmp_path / "shared" / "dep-s0" / "adapter.json").read_text())
    assert trained["training"]["plan"]["n_examples"] == 2 * len(trained["users"])
    status, out, err = unlike("experiment", plan(), "--out", tmp_path / "second", *shared)
    assert status == 0, out + err
    assert "training step" not in err
    facts = json.loads((tmp_path / "second" / "runs" / "dep_t0.8_s0" / "run.json").read_text())
    assert facts["adapters_at"] == str(tmp_path / "shared")
    status, _, err = unlike("experiment", plan(), "--out", tmp_path / "third", *shared[4:])
    assert status == 2
    assert "corpus_hash" in err


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
    file = plan()
    file.write_text('task = "review_papers"\n' + file.read_text())
    status, _, err = unlike("experiment", file, "--out", tmp_path / "out", "--dry-run")
    assert status == 2
    assert "prompts " in err and "was trained differently" in err


def test_what_cannot_be_trained_on_is_said_before_anything_runs(unlike, plan, tmp_path):
    for more in ((), ("--dry-run",)):
        status, _, err = unlike("experiment", plan(uri="scripted:echo"), "--out", tmp_path / "out", *more)
        assert status == 2
        assert "adapters are trained on the model itself; give transformers:MODEL" in err
