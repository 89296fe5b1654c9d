"""The default embedder of DPL: a Qwen2 whose repository brings code of its own, which is never run."""

import json

import pytest
import torch
from tests.llm.tiny_llm import VOCABULARY, byte_tokenizer
from transformers import Qwen2Config, Qwen2Model

from unlike.embed import sentence_transformer as room
from unlike.embed.open import open_encoder
from unlike.embed.sentence_transformer import PRESETS, Preset
from unlike.errors import InputError

TEXTS = ["Loud drums.", "A quiet song about rain, sung twice."]
AUTO_MAP = {"AutoModel": "modeling_qwen.Qwen2Model", "AutoModelForCausalLM": "modeling_qwen.Qwen2ForCausalLM"}
NAMES = ("gte-qwen2-1.5b", "gte-qwen2-1.5b-bidirectional")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What gte-Qwen2-1.5B-instruct consists of, with tiny random weights; its code fails when it is imported."""
    made = tmp_path_factory.mktemp("gte")
    config = Qwen2Config(
        vocab_size=VOCABULARY + 16,  # the tokenizer of Qwen2 adds tokens of its own
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.4,
    )
    with torch.random.fork_rng():
        torch.manual_seed(2)
        Qwen2Model(config).save_pretrained(made)
    change(made / "config.json", architectures=["Qwen2ForCausalLM"], auto_map=AUTO_MAP)
    byte_tokenizer().save_pretrained(made)
    (made / "modeling_qwen.py").write_text("raise RuntimeError('code of the repository was run')\n")
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(kinds.items())
    ]
    (made / "modules.json").write_text(json.dumps(modules))
    (made / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 512, "do_lower_case": False}))
    (made / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True}
    (made / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (made / "2_Normalize").mkdir()
    return made


@pytest.fixture
def presets(folder, monkeypatch):
    """The presets with the tiny model in the place of the hub's."""
    for name in NAMES:
        monkeypatch.setitem(room.PRESETS, name, Preset(str(folder), PRESETS[name].causal))


def change(file, **values):
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@torch.no_grad()
def last_states(folder, encoder, causal):
    """The unit vector of each text's last token, by the library's own Qwen2."""
    config = Qwen2Config.from_pretrained(folder)
    config.is_causal = causal
    model = Qwen2Model.from_pretrained(folder, config=config, attn_implementation="eager").eval()
    found = []
    for text in TEXTS:
        ids = encoder._model.tokenizer([text], return_tensors="pt")["input_ids"]
        found.append(model(ids, use_cache=False).last_hidden_state[0, -1])
    return torch.nn.functional.normalize(torch.stack(found), dim=1).numpy()


@pytest.mark.parametrize(("name", "causal"), list(zip(NAMES, (True, False), strict=True)))
def test_each_name_is_one_kind_of_attention(presets, folder, name, causal):
    encoder = open_encoder(name)
    assert encoder.name == f"sentence-transformers:{name}"
    assert encoder.encode(TEXTS) == pytest.approx(last_states(folder, encoder, causal), abs=1e-5)


def test_the_kinds_of_attention_differ_alone_and_in_a_batch(presets):
    one, other = (open_encoder(name) for name in NAMES)
    for texts in (TEXTS[1:], TEXTS):
        assert abs(one.encode(texts) - other.encode(texts)).max() > 0.01
    assert other.encode(TEXTS)[1] == pytest.approx(other.encode(TEXTS[1:])[0], abs=1e-5)


@pytest.mark.parametrize("says", [True, False])
def test_the_files_of_the_model_do_not_change_the_attention_of_a_preset(presets, folder, says):
    before = open_encoder(NAMES[0]).encode(TEXTS)
    change(folder / "config.json", is_causal=says)
    assert open_encoder(NAMES[0]).encode(TEXTS) == pytest.approx(before, abs=1e-6)


def test_a_model_that_only_its_own_code_can_open_is_one_line(folder, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mystery", "auto_map": AUTO_MAP}))
    (tmp_path / "modeling_qwen.py").write_text("raise RuntimeError('code of the repository was run')\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        open_encoder(str(tmp_path))
