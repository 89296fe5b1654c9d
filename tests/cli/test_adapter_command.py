"""``unlike adapter``: a released checkpoint becomes an adapter, and an adapter says what it is."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tests.latent.released_checkpoint import N_BASE, released_weights, write_checkpoint

from unlike.errors import InputError
from unlike.latent.adapter import AdapterMetadata, new_module, save_adapter
from unlike.latent.released import SINGLE
from unlike.latent.settings import AdapterSettings


@pytest.fixture
def checkpoint(tmp_path):
    return write_checkpoint(tmp_path / "DEP-model", released_weights())


def test_import_then_show(unlike, checkpoint, tmp_path):
    words = ("adapter", "import", checkpoint, "--out", tmp_path / "adapter", "--embedder", "hashing:16")
    status, out, _ = unlike(*words, "--time", "paper")
    assert status == 0
    assert "base of DEP-model" in out
    assert "Qwen2.5 has extra rows" in out
    status, out, _ = unlike("adapter", "show", tmp_path / "adapter", "--json")
    assert status == 0
    facts = json.loads(out)
    assert facts["settings"]["activation"] == "gelu"
    assert facts["settings"]["time_rule"] == "paper"
    assert (facts["embedder"], facts["dimensions"], facts["hidden"]) == ("hashing:16", 16, 32)
    assert facts["training users"] is None
    assert facts["last losses"] is None
    status, out, _ = unlike("adapter", "show", tmp_path / "adapter")
    assert status == 0
    for part in ("profile_weighted", "hashing:16", "released DEP checkpoint DEP-model", "not known", "megabytes"):
        assert part in out
    status, _, err = unlike(*words)
    assert status == 2
    assert "name another --out" in err


def test_the_llm_may_be_named_as_other_commands_name_it(unlike, checkpoint, tmp_path):
    rows = released_weights()["model.embed_tokens.weight"][:N_BASE]
    (tmp_path / "base").mkdir()
    save_file({"model.embed_tokens.weight": torch.cat([rows, rows[:9]])}, tmp_path / "base" / SINGLE)
    llm = ("--llm", f"transformers:{tmp_path / 'base'}")
    status, out, _ = unlike(
        "adapter", "import", checkpoint, "--out", tmp_path / "adapter", "--embedder", "hashing:16", *llm
    )
    assert status == 0
    assert "base#" in out
    assert "note:" not in out


def test_show_knows_users_and_last_losses_of_a_training(unlike, tmp_path):
    losses = [{"step": 1, "loss": 3.0, "gen": 3.0}, {"step": 2, "loss": 1234.5, "gen": 2.0}]
    training = {"losses": losses, "validations": [{"step": 2, "value": 1.5}], "chosen_by": "nll"}
    metadata = AdapterMetadata(
        AdapterSettings(), "tiny", "hash", "hashing:16", 16, 8, users=("a", "b"), training=training
    )
    save_adapter(tmp_path / "adapter", new_module(metadata), metadata)
    status, out, _ = unlike("adapter", "show", tmp_path / "adapter", "--json")
    assert status == 0
    facts = json.loads(out)
    assert facts["training users"] == 2
    assert facts["last losses"] == losses[-1]
    assert facts["last validation"] == {"step": 2, "value": 1.5}
    assert facts["checkpoint chosen by"] == "nll"
    assert facts["source"] == "trained here"
    assert facts["megabytes"] > 0
    _, out, _ = unlike("adapter", "show", tmp_path / "adapter")
    assert "gen 2" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "nowhere"), "no adapter in nowhere"),
        (("import", "nowhere", "--out", "adapter", "--embedder", "hashing:16"), "model folder nowhere"),
        (
            ("import", "nowhere", "--out", "adapter", "--time", "future"),
            "--time 'future' is unknown; allowed are as_of, paper",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(words, message, unlike, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = unlike("adapter", *words)
    assert status == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ((), {}),
        (("--set", "seed=5"), {"seed": "5"}),
        (("--seed", "3", "--max-steps", "2"), {"seed": 3, "max_steps": 2}),
        (("--seed", "0", "--set", "seed=5"), "--seed and --set seed give the same setting"),
        (("--max-steps", "2", "--set", "max_steps=5"), "--max-steps and --set max_steps give the same setting"),
    ],
)
def test_a_setting_of_a_training_is_given_once(unlike, sample, tmp_path, monkeypatch, words, settings):
    given = []

    def train(*_, settings, **__):
        given.append(settings)
        raise InputError("far enough")

    monkeypatch.setattr("unlike.experiments.train.train", train)
    fixed = ("--corpus", sample, "--llm", "transformers:x", "--out", tmp_path / "a", "--embedder", "hashing:16")
    status, _, err = unlike("train", "dep", *fixed, *words)
    assert status == 2
    if isinstance(settings, str):
        assert settings in err and not given
    else:
        assert given == [settings]
