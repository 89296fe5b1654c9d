"""The released checkpoint: the same soft vectors as the released code computes, and nothing read that is not needed."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import gelu

from tests.latent.released_checkpoint import (
    ABSENT,
    DIM,
    HIDDEN,
    LAYER,
    N_BASE,
    WIDTH,
    marker_row,
    released_weights,
    write_checkpoint,
)
from tests.llm.tiny_llm import tiny_llm
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.latent.adapter import WEIGHTS, load_adapter
from unlike.latent.modules import Inputs, row
from unlike.latent.released import INDEX, MARKERS, SINGLE, TOKENS, Shards, import_released
from unlike.llm.local_model import embeddings_hash, open_local_model

ENCODER = HashingEncoder(DIM)


@pytest.fixture
def weights():
    return released_weights()


@pytest.fixture
def imported(weights, tmp_path):
    return import_released(write_checkpoint(tmp_path / "DEP", weights), tmp_path / "adapter", ENCODER)


def linear(weights, layer, x):
    return x @ weights[f"{layer}.weight"].float().T + weights[f"{layer}.bias"].float()


def released_soft(weights, signal, embeddings):
    """What the released model puts in the places of a signal, in plain words: GELU encoder, Linear-GELU-Linear."""
    latent = gelu(linear(weights, "sae.encoder.0", embeddings))
    return linear(weights, f"align_mlp_{signal}.2", gelu(linear(weights, f"align_mlp_{signal}.0", latent)))


def eight_records(n_compared=8):
    draw = torch.Generator().manual_seed(6)
    his, diff = torch.randn(2, 8, DIM, generator=draw), torch.randn(2, 8, DIM, generator=draw)
    shown = torch.ones(2, 8, dtype=torch.bool)
    return Inputs(his, diff, shown, torch.arange(8).expand(2, 8) < n_compared, torch.zeros(2, DIM))


def test_soft_vectors_are_those_of_the_released_code(weights, imported):
    inputs = eight_records()
    bank = imported.module(inputs).bank
    for signal, embeddings in (("his", inputs.his), ("diff", inputs.diff)):
        expected = released_soft(weights, signal, embeddings)
        places = [row(imported.settings, signal, record) + 1 for record in range(8)]
        torch.testing.assert_close(bank[:, places], expected)


def test_markers_are_rows_of_the_token_embeddings(weights, imported):
    bank = imported.module(eight_records()).bank
    for signal, start, end in (("his", *MARKERS[:2]), ("diff", *MARKERS[2:])):
        for record in range(8):
            first = row(imported.settings, signal, record)
            assert torch.equal(bank[1, first], marker_row(weights, start))
            assert torch.equal(bank[1, first + 2], marker_row(weights, end))


def test_the_decoder_has_a_gelu_after_it(weights, imported):
    embeddings = eight_records().diff
    reducer = imported.module.reducer
    rebuilt = gelu(linear(weights, "sae.decoder.0", gelu(linear(weights, "sae.encoder.0", embeddings))))
    torch.testing.assert_close(reducer.decode(reducer.encode(embeddings)), rebuilt)


def test_a_record_without_peers_has_zeros_for_its_difference(imported):
    bank = imported.module(eight_records(n_compared=3)).bank
    assert not bank[0, row(imported.settings, "diff", 3) + 1].any()
    assert bank[0, row(imported.settings, "diff", 2) + 1].any()


def test_its_settings_are_the_released_code_s(imported):
    settings = imported.settings
    assert (settings.kind, settings.n_records, settings.signals) == ("dep", 8, ("his", "diff"))
    assert (settings.activation, settings.weighting, settings.max_prompt_tokens) == ("gelu", "profile_weighted", 3072)
    assert (settings.scaled, settings.standardise, settings.tokens_per_vector) == (False, False, 1)
    assert settings.latent_share == WIDTH / DIM
    assert (imported.metadata.dim, imported.metadata.hidden, imported.metadata.embedder) == (DIM, HIDDEN, "hashing:16")
    assert imported.metadata.source == "released DEP checkpoint DEP"
    assert imported.metadata.users == ()


def test_the_folder_keeps_their_precision_and_reads_back(imported, tmp_path):
    assert load_adapter(tmp_path / "adapter").digest == imported.digest
    assert {weight.dtype for weight in load_file(tmp_path / "adapter" / WEIGHTS).values()} == {torch.bfloat16}


def test_float32_stays_float32(weights, tmp_path):
    exact = {name: weight.float() + 1e-6 for name, weight in weights.items()}
    adapter = import_released(write_checkpoint(tmp_path / "DEP", exact), tmp_path / "adapter", ENCODER)
    assert torch.equal(adapter.module.reducer.encoder.weight, exact["sae.encoder.0.weight"])


def test_one_file_and_the_older_list_of_tokens_give_the_same(weights, imported, tmp_path):
    folder = write_checkpoint(tmp_path / "one", weights, tokenizer="added_tokens.json")
    (folder / INDEX).unlink()
    save_file(weights, folder / SINGLE)
    assert import_released(folder, tmp_path / "again", ENCODER).digest == imported.digest


def test_the_layers_of_the_llm_are_never_read(imported, tmp_path):
    assert imported.digest
    with pytest.raises(InputError, match=f"{ABSENT} is missing"):
        Shards(tmp_path / "DEP").rows(LAYER)


def test_token_embeddings_are_read_a_few_rows_at_a_time(weights, imported, tmp_path, monkeypatch):
    asked = []
    rows = Shards.rows
    monkeypatch.setattr("unlike.latent.released.CHUNK_ROWS", 100)
    monkeypatch.setattr(
        Shards, "rows", lambda own, name, *ends: (asked.append(ends) if ends else None) or rows(own, name, *ends)
    )
    again = import_released(tmp_path / "DEP", tmp_path / "again", ENCODER)
    assert (again.metadata.llm_hash, again.digest) == (imported.metadata.llm_hash, imported.digest)
    assert asked[:3] == [(0, 100), (100, 200), (200, N_BASE)]
    assert {behind - first for first, behind in asked[3:]} == {1}
    assert imported.metadata.llm_hash == embeddings_hash(weights["model.embed_tokens.weight"][:N_BASE])


def test_with_the_llm_at_hand_the_adapter_knows_it_again(tmp_path):
    """The checkpoint has fewer rows of the LLM than the LLM: those beyond its tokens are gone."""
    llm = open_local_model(str(tiny_llm(tmp_path / "tiny", seed=3)))
    assert len(llm.embeddings) > N_BASE
    folder = write_checkpoint(tmp_path / "DEP", released_weights(llm.embeddings[:N_BASE]))
    adapter = import_released(folder, tmp_path / "adapter", ENCODER, tmp_path / "tiny")
    adapter.check(llm.llm_hash, llm.name, ENCODER.name)
    assert adapter.metadata.llm == llm.name
    assert adapter.metadata.length == pytest.approx(float(llm.embeddings.norm(dim=1).mean()))
    alone = import_released(folder, tmp_path / "alone", ENCODER)
    with pytest.raises(InputError, match="trained for LLM base of DEP"):
        alone.check(llm.llm_hash, llm.name, ENCODER.name)


def test_another_llm_is_refused(weights, tmp_path):
    folder = write_checkpoint(tmp_path / "DEP", weights)
    other = weights["model.embed_tokens.weight"].clone()
    other[N_BASE - 1, 0] += 1
    for name, rows, says in (
        ("other", other, "not the checkpoint's, in rows from 0 on"),
        ("small", other[:9], "are \\(9, 32\\)"),
    ):
        (tmp_path / name).mkdir()
        save_file({"model.embed_tokens.weight": rows.contiguous()}, tmp_path / name / SINGLE)
        with pytest.raises(InputError, match=says):
            import_released(folder, tmp_path / "adapter", ENCODER, tmp_path / name)
    assert not (tmp_path / "adapter").exists()


def without(weights, *names):
    return {name: weight for name, weight in weights.items() if name not in names}


def cut(weights, name, n_rows):
    return weights | {name: weights[name][:n_rows].contiguous()}


WRONG_WEIGHTS = {
    "two weights missing": (
        lambda w: without(w, "align_mlp_diff.2.bias", "sae.decoder.0.weight"),
        "no weights sae.decoder.0.weight, align_mlp_diff.2.bias",
    ),
    "no token embeddings": (lambda w: without(w, "model.embed_tokens.weight"), "no weights model.embed_tokens.weight"),
    "two shapes that do not fit": (
        lambda w: cut(cut(w, "sae.decoder.0.bias", 3), "align_mlp_his.0.weight", 4),
        r"align_mlp_his.0.weight is \(4, 8\), not \(32, 8\); sae.decoder.0.bias is \(3,\), not \(16,\)",
    ),
    "no matrix": (lambda w: w | {"sae.encoder.0.weight": torch.zeros(3)}, r"sae.encoder.0.weight is \(3,\), no matrix"),
    "too few rows": (lambda w: cut(w, "model.embed_tokens.weight", N_BASE), "has 250 rows, none for token 269"),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_weights_that_are_wrong_are_named_at_once(case, weights, tmp_path):
    change, says = WRONG_WEIGHTS[case]
    folder = write_checkpoint(tmp_path / "DEP", change(weights))
    with pytest.raises(InputError, match=says):
        import_released(folder, tmp_path / "adapter", ENCODER)
    assert not (tmp_path / "adapter").exists()


def tear(file):
    file.write_bytes(file.read_bytes()[:40])


WRONG_FILES = {
    "no folder": (lambda f: f.rename(f.parent / "elsewhere"), "model.safetensors is missing"),
    "a file is missing": (lambda f: (f / "model-00002-of-00003.safetensors").unlink(), "model-00002.* is missing"),
    "a torn file": (lambda f: tear(f / "model-00001-of-00003.safetensors"), "cannot be read"),
    "a torn index": (lambda f: (f / INDEX).write_text("{"), "cannot be read"),
    "no index in it": (lambda f: (f / INDEX).write_text('{"weight_map": 3}'), "cannot be read"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "neither tokenizer.json nor added_tokens.json"),
    "no JSON": (lambda f: (f / "tokenizer.json").write_text("["), "tokenizer cannot be read"),
    "another layout": (lambda f: (f / "tokenizer.json").write_text(json.dumps([1])), "tokenizer cannot be read"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_files_that_are_wrong_are_one_clear_error(case, weights, tmp_path):
    change, says = WRONG_FILES[case]
    folder = write_checkpoint(tmp_path / "DEP", weights)
    change(folder)
    with pytest.raises(InputError, match=says):
        import_released(folder, tmp_path / "adapter", ENCODER)


def test_a_tokenizer_of_another_model_is_refused(weights, tmp_path):
    folder = write_checkpoint(tmp_path / "DEP", weights, tokens=TOKENS[:18])
    with pytest.raises(InputError, match="lacks <diff_token_start>, <diff_token_end>"):
        import_released(folder, tmp_path / "adapter", ENCODER)


def test_another_embedder_is_refused(weights, tmp_path):
    folder = write_checkpoint(tmp_path / "DEP", weights)
    with pytest.raises(InputError, match="hashing:64 has 64 dimensions, the checkpoint wants 16"):
        import_released(folder, tmp_path / "adapter", HashingEncoder(64))


def test_an_adapter_that_is_there_is_not_replaced(imported, tmp_path):
    with pytest.raises(InputError, match="holds an adapter already"):
        import_released(tmp_path / "DEP", tmp_path / "adapter", ENCODER)
    assert load_adapter(tmp_path / "adapter").digest == imported.digest
