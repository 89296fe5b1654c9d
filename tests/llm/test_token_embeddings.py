"""The way into an LLM, read without the LLM."""

import json

import huggingface_hub.constants
import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from tests.llm.tiny_llm import CONTEXT_TOKENS, HIDDEN, KINDS, VOCABULARY, tiny_llm
from unlike.errors import CallFailed, InputError
from unlike.llm.backend import check_length
from unlike.llm.local_model import open_local_model
from unlike.llm.model_source import ready_folder
from unlike.llm.soft_prompt import SoftPrompt
from unlike.llm.token_embeddings import embedded, open_token_embeddings

KEY = "model.embed_tokens.weight"


@pytest.fixture
def no_models(monkeypatch):
    """Opening a model is an error."""

    def open_one(*args, **options):
        raise AssertionError("a model was opened")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", open_one)


def change_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_knows_what_the_opened_model_knows(tmp_path, request, kind, dtype):
    folder = tiny_llm(tmp_path / "mine", kind)
    weights = {name: weight.to(dtype) for name, weight in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    local = open_local_model(str(folder))
    request.getfixturevalue("no_models")
    opened = open_token_embeddings(str(folder))
    assert (opened.name, opened.llm_hash, opened.ends) == (local.name, local.llm_hash, local.ends)
    assert (opened.context_tokens, opened.hidden, opened.source) == (CONTEXT_TOKENS, HIDDEN, str(folder))
    assert opened.matrix.dtype == dtype
    assert torch.equal(opened.matrix.float(), local.embeddings)
    assert opened.tokens.render([{"role": "user", "content": "x"}]) == local.tokens.render(
        [{"role": "user", "content": "x"}]
    )


def test_of_several_files_only_that_with_the_embeddings_is_read(tmp_path, no_models):
    whole = tiny_llm(tmp_path) / "model.safetensors"
    before = open_token_embeddings(str(tmp_path))
    weights = load_file(whole)
    whole.unlink()
    save_file({KEY: weights[KEY]}, tmp_path / "part-2.safetensors", metadata={"format": "pt"})
    places = dict.fromkeys(weights, "part-1.safetensors") | {KEY: "part-2.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert open_token_embeddings(str(tmp_path)).llm_hash == before.llm_hash


def test_names_of_other_models_are_found_and_parts_are_not_taken_for_the_whole(tmp_path):
    file = tiny_llm(tmp_path) / "model.safetensors"
    before = open_token_embeddings(str(tmp_path)).llm_hash
    matrix = load_file(file)[KEY]
    for name in ("transformer.wte.weight", "wte.weight", "language_model.model.embed_tokens.weight"):
        extra = {"model.a_much_longer_name.layers.9.embed_tokens.weight": matrix * 2, "a.not_wte.weight": matrix * 3}
        save_file({name: matrix, **extra}, file, metadata={"format": "pt"})
        assert open_token_embeddings(str(tmp_path)).llm_hash == before


def test_a_soft_prompt_is_put_together_as_for_the_opened_model(tmp_path):
    local, opened = open_local_model(str(tiny_llm(tmp_path))), open_token_embeddings(str(tmp_path))
    prompt = SoftPrompt(np.array([5, -1, 7, -1]), np.array([1, 3]), np.full((2, HIDDEN), 0.1, np.float32))
    rows = opened.embedded(prompt)
    assert rows.dtype == torch.float32
    assert torch.equal(rows, embedded(local.embeddings, prompt, "llm"))


def test_what_is_for_another_llm_is_told(tmp_path):
    opened = open_token_embeddings(str(tiny_llm(tmp_path)))
    with pytest.raises(InputError, match=f"soft vectors have 3 dimensions, the LLM's token embeddings {HIDDEN}"):
        opened.embedded(SoftPrompt(np.array([1, 2]), np.array([1]), np.zeros((1, 3), np.float32)))
    with pytest.raises(InputError, match=f"token ids from 1 to {VOCABULARY}; the LLM knows 0 to {VOCABULARY - 1}"):
        opened.embedded(SoftPrompt(np.array([1, VOCABULARY]), np.zeros(0, np.int64), np.zeros((0, HIDDEN), np.float32)))


def test_lengths():
    check_length("m", 7, 3, 10)
    check_length("m", 7, 99, None)
    with pytest.raises(CallFailed, match="m: 7 tokens of prompt and 4 new ones exceed the context of 10"):
        check_length("m", 7, 4, 10)


@pytest.mark.parametrize("changes", [{"model_type": "gemma2"}, {"scale_embedding": True}], ids=str)
def test_embeddings_that_are_scaled_on_the_way_in_are_refused(tmp_path, changes):
    change_config(tiny_llm(tmp_path), **changes)
    with pytest.raises(InputError, match="scales its token embeddings on the way in.*; use it as transformers:MODEL"):
        open_token_embeddings(str(tmp_path))


def test_a_model_that_does_not_write_is_refused_as_where_it_is_opened_whole(tmp_path):
    change_config(tiny_llm(tmp_path), architectures=["LlamaForSequenceClassification"])
    for opening in (open_local_model, open_token_embeddings):
        with pytest.raises(InputError, match="it is a LlamaForSequenceClassification; only causal LMs"):
            opening(str(tmp_path))


def test_without_its_own_file_the_configuration_says_where_texts_end(tmp_path):
    folder = tiny_llm(tmp_path)
    before = open_token_embeddings(str(folder)).ends
    (folder / "generation_config.json").unlink()
    change_config(folder, eos_token_id=[7, 256])
    assert open_token_embeddings(str(folder)).ends == tuple(sorted({7, *before}))


def test_embeddings_of_another_shape_or_kind_are_refused(tmp_path):
    file = tiny_llm(tmp_path) / "model.safetensors"
    matrix = load_file(file)[KEY]
    for other in (matrix[:, :8].contiguous(), matrix.to(torch.int8)):
        save_file({KEY: other}, file, metadata={"format": "pt"})
        with pytest.raises(InputError, match=r"token embeddings of shape \(259, .*use transformers:MODEL"):
            open_token_embeddings(str(tmp_path))
    save_file({"word_embeddings.weight": matrix}, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match="no weights called embed_tokens.weight or wte.weight"):
        open_token_embeddings(str(tmp_path))


def test_what_cannot_be_read_is_told(tmp_path, monkeypatch):
    file = tiny_llm(tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="its token embeddings cannot be read"):
        open_token_embeddings(str(tmp_path))
    file.unlink()
    with pytest.raises(InputError, match="its token embeddings cannot be read.*model.safetensors"):
        open_token_embeddings(str(tmp_path))
    with pytest.raises(InputError, match="no such folder"):
        open_token_embeddings("./nothing")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="'nobody/nothing': its token embeddings cannot be read.*model_folder"):
        open_token_embeddings("nobody/nothing")


@pytest.fixture
def unpacked():
    """The packaged model's folder, which the first use on a machine writes."""
    return ready_folder("smollm2")


@pytest.mark.embedded
def test_the_packaged_model(unpacked, no_models):
    opened = open_token_embeddings("smollm2")
    assert (opened.name, opened.hidden, opened.context_tokens) == ("smollm2", 576, 8192)
    assert opened.tokens.encode("<|im_end|>") == [opened.tokens.end_id]
