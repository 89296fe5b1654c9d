"""Opening a chat model of the transformers library."""

import asyncio
import hashlib
import importlib.util
import json
import time
from concurrent.futures import ThreadPoolExecutor

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM, Gemma3ForCausalLM, Gemma3TextConfig, T5Config

from tests.llm.tiny_llm import CONTEXT_TOKENS, HIDDEN, TEMPLATE, VOCABULARY, byte_tokenizer, tiny_llm
from unlike.errors import CallFailed, InputError, MissingPart
from unlike.llm import model_source
from unlike.llm.backend import Sampling
from unlike.llm.llama_cpp import LlamaCppBackend
from unlike.llm.local_model import open_local_model
from unlike.llm.model_source import READY, ready_folder
from unlike.llm.system_role import without_system
from unlike.llm.transformers_local import TransformersBackend

QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which instrument is a drum?"}]


def test_what_is_known_of_a_model(tmp_path):
    local = open_local_model(str(tiny_llm(tmp_path / "mine", "qwen2")))
    weights = load_file(tmp_path / "mine" / "model.safetensors")["model.embed_tokens.weight"]
    assert local.llm_hash == hashlib.sha256(weights.numpy().tobytes()).hexdigest()
    assert local.name == f"mine#{local.llm_hash[:12]}"
    assert local.context_tokens == CONTEXT_TOKENS
    assert local.embeddings.shape == (VOCABULARY, HIDDEN)
    assert not local.model.training
    assert not any(weight.requires_grad for weight in local.model.parameters())


def test_the_hash_tells_models_apart_and_forgets_where_they_lie(tmp_path):
    same, again, other = (
        open_local_model(str(tiny_llm(tmp_path / str(n), seed=seed))).llm_hash for n, seed in enumerate((1, 1, 2))
    )
    assert same == again != other


def test_an_answer_ends_where_the_template_ends_it(tmp_path):
    tokens = open_local_model(str(tiny_llm(tmp_path))).tokens
    end, stop = tokens.encode("<|end|>")[0], tokens.encode("<|stop|>")[0]
    assert tokens.end_id == stop
    assert open_local_model(str(tmp_path)).ends == (end, stop)


def test_without_a_mark_behind_answers_the_tokenizers_own_end_counts(tmp_path):
    bare = TEMPLATE.replace("<|stop|>", "")
    local = open_local_model(str(tiny_llm(tmp_path, template=bare)))
    assert local.ends == (local.tokens.end_id,) == (local.tokens.encode("<|end|>")[0],)


def test_all_ends_a_model_names_count(tmp_path):
    tiny_llm(tmp_path)
    named = tmp_path / "generation_config.json"
    named.write_text(json.dumps({**json.loads(named.read_text()), "eos_token_id": [7, 256]}))
    assert open_local_model(str(tmp_path)).ends == (7, 256, 258)


def test_rendering_is_the_template_and_nothing_is_added(tmp_path):
    tokens = open_local_model(str(tiny_llm(tmp_path))).tokens
    rendered = tokens.render([{"role": "user", "content": "Hi é"}])
    assert rendered == "<|turn|>user\nHi é<|stop|>\n<|turn|>assistant\n"
    token_ids = tokens.encode(rendered)
    assert tokens.decode(token_ids) == rendered.replace("<|turn|>", "").replace("<|stop|>", "")
    assert token_ids[0] == tokens.encode("<|turn|>")[0]


def test_a_template_without_a_system_role_gets_its_part_in_the_users_turn(tmp_path):
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
    tokens = open_local_model(str(tiny_llm(tmp_path, template=strict))).tokens
    assert tokens.render(QUESTION) == tokens.render(without_system(QUESTION))


def test_messages_the_template_refuses_are_a_failed_call(tmp_path):
    strict = (
        "{% if messages[0]['role'] == 'assistant' %}{{ raise_exception('begin with the user') }}{% endif %}" + TEMPLATE
    )
    tokens = open_local_model(str(tiny_llm(tmp_path, template=strict))).tokens
    with pytest.raises(CallFailed, match=r"roles: assistant\): begin with the user"):
        tokens.render([{"role": "assistant", "content": "x"}])


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "a/b/c"])
def test_a_missing_folder_is_told_without_asking_the_hub(name):
    with pytest.raises(InputError, match="no such folder"):
        open_local_model(name)


def test_an_unknown_name_is_told(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"'nobody/nothing': it cannot be loaded: .*; give smollm2, a folder"):
        open_local_model("nobody/nothing")


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be loaded"):
        open_local_model(str(tmp_path))


def test_a_broken_file_is_told(tmp_path):
    file = tiny_llm(tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be loaded"):
        open_local_model(str(tmp_path))


def test_missing_weights_are_told_and_not_made_up(tmp_path):
    file = tiny_llm(tmp_path) / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"1 weights are missing, model.layers.1.mlp.up_proj.weight"):
        open_local_model(str(tmp_path))


@pytest.mark.parametrize("template", [None, "{{ broken"])
def test_a_model_not_made_for_chat_is_told(tmp_path, template):
    with pytest.raises(InputError, match="give a model made for chat"):
        open_local_model(str(tiny_llm(tmp_path, template=template)))


def test_a_model_that_fills_gaps_is_told(tmp_path):
    small = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=300)
    BertForMaskedLM(small).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="it is a BertForMaskedLM; only causal LMs"):
        open_local_model(str(tmp_path))


def test_a_model_with_an_encoder_is_told(tmp_path):
    T5Config().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="it is a t5; only causal LMs"):
        open_local_model(str(tmp_path))


def test_settings_that_cannot_be_are_told(tmp_path):
    with pytest.raises(InputError, match="dtype 'float8'; allowed are float32, bfloat16"):
        open_local_model(str(tmp_path), dtype="float8")
    with pytest.raises(InputError, match="device 'abacus' cannot be used"):
        open_local_model(str(tmp_path), device="abacus")


def test_embeddings_are_what_the_layers_read(tmp_path):
    """Gemma 3 multiplies its rows by the root of their width on the way in."""
    tokenizer = byte_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=16,
        pad_token_id=None,
        eos_token_id=256,
    )
    Gemma3ForCausalLM(config).save_pretrained(tmp_path)
    local = open_local_model(str(tmp_path))
    stored = load_file(tmp_path / "model.safetensors")["model.embed_tokens.weight"]
    assert torch.allclose(local.embeddings, stored * 4)


def test_parts_that_are_not_installed_are_named(tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "accelerate" else real(name))
    with pytest.raises(MissingPart, match="smollm2 needs the packages accelerate"):
        open_local_model("smollm2")


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="set UNLIKE_CACHE"):
        ready_folder("smollm2")


def test_whoever_comes_second_waits_for_what_the_first_unpacks(tmp_path, monkeypatch):
    """Two at once unpack once; nothing half written is ever at the place where it is looked for."""
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path))
    unpacked = []

    def unpack_slowly(packaged, part):
        unpacked.append(part)
        time.sleep(0.2)
        (part / "weights").touch()

    monkeypatch.setattr(model_source, "_unpack", unpack_slowly)
    with ThreadPoolExecutor(2) as two:
        folders = list(two.map(lambda _: ready_folder("smollm2"), range(2)))
    assert folders == [tmp_path / READY] * 2
    assert len(unpacked) == 1
    assert [path.name for path in folders[0].iterdir()] == ["weights"]


def test_unpacking_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path))

    def fill_the_disk(packaged, part):
        (part / "half").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_source, "_unpack", fill_the_disk)
    with pytest.raises(InputError, match="cannot be written: No space left on device; set UNLIKE_CACHE"):
        ready_folder("smollm2")
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.embedded
def test_the_packaged_model_is_the_one_llama_cpp_reads(embedded: LlamaCppBackend):
    async def answered():
        backend = TransformersBackend(open_local_model("smollm2"))
        completion = await backend.complete(QUESTION, Sampling(temperature=0.0, max_tokens=8))
        counted = backend.count_tokens(QUESTION)
        await backend.aclose()
        return backend, completion, counted

    backend, completion, counted = asyncio.run(answered())
    assert backend.model == "transformers:smollm2"
    assert backend.context_tokens == 8192
    assert counted == embedded.count_tokens(QUESTION) == completion.prompt_tokens
    assert "drum" in completion.text.lower()
    # The same LLM for an adapter, whatever the precision it is opened in.
    assert open_local_model("smollm2", "bfloat16").llm_hash == backend.llm_hash
