"""The adapter's folder: small, complete, and refused where it does not belong."""

import json
from dataclasses import replace

import pytest

from tests.latent.conftest import TRAINING
from unlike.embed.open import open_encoder
from unlike.embed.sentence_transformer import SentenceTransformerEncoder
from unlike.errors import InputError
from unlike.experiments.train import draw_losses
from unlike.latent.adapter import (
    METADATA,
    WEIGHTS,
    AdapterMetadata,
    digest_of,
    load_adapter,
    new_module,
    save_adapter,
    user_hash,
    user_hashes,
)
from unlike.latent.settings import RECIPES, AdapterSettings
from unlike.latent.train import train


def size_mb(folder):
    return sum(file.stat().st_size for file in folder.iterdir()) / 2**20


def built(folder, settings, dim, hidden):
    metadata = AdapterMetadata(settings, "llm", "hash", "embedder", dim, hidden)
    return save_adapter(folder, new_module(metadata), metadata)


def test_what_was_written_is_read(tmp_path):
    adapter = built(tmp_path, AdapterSettings(), 16, 8)
    again = load_adapter(tmp_path)
    assert again.metadata == adapter.metadata
    assert again.digest == adapter.digest == digest_of(again.module)
    assert not any(weight.requires_grad for weight in again.module.parameters())


def test_the_sizes_of_adapters(tmp_path):
    """SmolLM2 with MiniLM under 10 MB; Qwen2.5-7B with bge-m3 under 120 MB, as the paper trains it."""
    for name in RECIPES:
        built(tmp_path / name, RECIPES[name].adapter, 384, 576)
        assert size_mb(tmp_path / name) < 10
    built(tmp_path / "7b", RECIPES["paper"].adapter, 1024, 3584)
    assert size_mb(tmp_path / "7b") < 120


def test_another_llm_or_embedder_is_refused(tmp_path):
    adapter = built(tmp_path, AdapterSettings(), 16, 8)
    adapter.check("hash", "llm", "embedder")
    with pytest.raises(InputError, match="trained for LLM llm, not for other"):
        adapter.check("other hash", "other", "embedder")
    with pytest.raises(InputError, match="give --embedder embedder"):
        adapter.check("hash", "llm", "another")


@pytest.mark.parametrize("name", ["minilm", "bge-m3", "some/model", "hashing:16", "openai:m"])
def test_the_embedder_that_is_advised_opens_the_one_it_was_trained_with(tmp_path, monkeypatch, name):
    monkeypatch.setattr(SentenceTransformerEncoder, "_load", lambda self: None)  # a name needs no weights
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
    metadata = AdapterMetadata(AdapterSettings(), "llm", "hash", open_encoder(name).name, 16, 8)
    adapter = save_adapter(tmp_path, new_module(metadata), metadata)
    with pytest.raises(InputError) as refused:
        adapter.check("hash", "llm", "another")
    advised = str(refused.value).partition("give --embedder ")[2]
    assert open_encoder(advised).name == metadata.embedder


@pytest.mark.parametrize("embedder", ["sentence-transformers:mine#0123456789ab", "transformers:mine#0123456789ab#15"])
def test_an_embedder_that_was_a_folder_is_asked_for_as_a_folder(tmp_path, embedder):
    metadata = AdapterMetadata(AdapterSettings(), "llm", "hash", embedder, 16, 8)
    adapter = save_adapter(tmp_path, new_module(metadata), metadata)
    with pytest.raises(InputError, match="mine#0123456789ab.*give --embedder with the folder of that model"):
        adapter.check("hash", "llm", "another")


def test_it_says_whose_texts_it_was_trained_on_and_names_nobody(tmp_path):
    metadata = AdapterMetadata(
        AdapterSettings(), "llm", "h", "e", 16, 8, salt="s", users=user_hashes("s", ["anna", "bert"])
    )
    adapter = save_adapter(tmp_path, new_module(metadata), metadata)
    assert user_hash("s", "anna") in adapter.metadata.users
    assert user_hash("s", "carl") not in adapter.metadata.users
    assert "anna" not in (tmp_path / METADATA).read_text()


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        (METADATA, None, "adapter.json is missing"),
        (WEIGHTS, None, "adapter.safetensors is missing"),
        (METADATA, b"{", "cannot be read"),
        (WEIGHTS, b"torn", "cannot be read"),
        (METADATA, b'{"format": 99}', "its format is not 1"),
    ],
)
def test_a_broken_folder_is_one_clear_error(tmp_path, file, content, says):
    built(tmp_path, AdapterSettings(), 16, 8)
    (tmp_path / file).unlink() if content is None else (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=says):
        load_adapter(tmp_path)


def test_weights_of_other_settings_are_refused(tmp_path):
    built(tmp_path, AdapterSettings(), 16, 8)
    described = json.loads((tmp_path / METADATA).read_text())
    described["settings"]["latent_share"] = 0.25
    (tmp_path / METADATA).write_text(json.dumps(described))
    with pytest.raises(InputError, match="do not fit"):
        load_adapter(tmp_path)


def test_the_losses_are_drawn(data_of, tmp_path):
    adapter = train(data_of(), replace(TRAINING, epochs=1), tmp_path)
    draw_losses(adapter.metadata.training, tmp_path / "losses.png")
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["dep", "pplug", "prompt_tuning"])
def test_several_soft_tokens_and_turns_are_written_and_read(tmp_path, kind):
    adapter = built(tmp_path, AdapterSettings(kind=kind, tokens_per_vector=4, layout="turns", placed=True), 16, 8)
    again = load_adapter(tmp_path)
    assert (again.settings, again.digest) == (adapter.settings, adapter.digest)
    assert (again.settings.tokens_per_vector, again.settings.layout) == (4, "turns")


def test_an_adapter_from_before_a_setting_existed_has_its_default(tmp_path):
    built(tmp_path, AdapterSettings(), 16, 8)
    described = json.loads((tmp_path / METADATA).read_text())
    del described["settings"]["layout"]
    (tmp_path / METADATA).write_text(json.dumps(described))
    assert load_adapter(tmp_path).settings == AdapterSettings()
