"""BERTScore against the library itself, and against the definition written out."""

import importlib
import importlib.util
import json
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from unlike import sample
from unlike.embed.sentence_transformer import packaged_minilm
from unlike.errors import InputError
from unlike.evaluate.metrics import bertscore as ours
from unlike.evaluate.metrics import open_metric
from unlike.evaluate.metrics.bertscore import bertscore
from unlike.evaluate.metrics.score import score
from unlike.language import first_words

LAYER = 5
PLOTS = ("matplotlib", "matplotlib.pyplot", "mpl_toolkits", "mpl_toolkits.axes_grid1")


@pytest.fixture(scope="module")
def model():
    return str(packaged_minilm())


@pytest.fixture(scope="module")
def pairs():
    """36 pairs of reviews of the sample, each of one item by two people."""
    by_item = {}
    for row in map(json.loads, sample.RECORDS.read_text(encoding="utf-8").splitlines()):
        by_item.setdefault(row["item_id"], []).append(row["text"])
    found = [pair for texts in by_item.values() for pair in zip(texts[::2], texts[1::2], strict=False)]
    return [list(side) for side in zip(*found[:36], strict=True)]


@pytest.fixture
def library(monkeypatch):
    """The library's own front door; it wants matplotlib for plots, which are not what is compared."""
    for name in PLOTS:
        stub = ModuleType(name)
        stub.make_axes_locatable = None
        monkeypatch.setitem(sys.modules, name, stub)
    for name in [name for name in sys.modules if name.partition(".")[0] == "bert_score"]:
        monkeypatch.delitem(sys.modules, name)
    yield importlib.import_module("bert_score")
    for name in [name for name in sys.modules if name.partition(".")[0] == "bert_score"]:
        del sys.modules[name]


def assert_same(library, model, texts, references):
    theirs = library.score(texts, references, model_type=model, num_layers=LAYER, device="cpu")[2]
    mine = bertscore(texts, references, model, LAYER)
    assert mine == pytest.approx(theirs.tolist(), abs=1e-5)
    assert len({round(value, 6) for value in mine}) > len(mine) // 2


@pytest.mark.embedded
def test_equal_to_the_library(library, model, pairs):
    assert len(pairs[0]) == 36
    assert_same(library, model, *pairs)


@pytest.mark.embedded
def test_the_packaged_encoder_goes_by_its_name(model, pairs):
    texts, references = (side[:3] for side in pairs)
    named = open_metric(f"bertscore:minilm@{LAYER}")
    assert named.label == f"BERTScore (minilm, layer {LAYER})"
    assert named.per_case(texts, references) == bertscore(texts, references, model, LAYER)


@pytest.mark.embedded
@pytest.mark.real_data
@pytest.mark.parametrize("n_pairs", [100, pytest.param(500, marks=pytest.mark.soak)])
def test_equal_to_the_library_on_the_beginnings_of_real_pairs(library, model, real_pairs, n_pairs):
    pairs = real_pairs[:n_pairs]
    assert len(pairs) == n_pairs
    assert_same(library, model, *([first_words(text, 25) for text in side] for side in zip(*pairs, strict=True)))


@pytest.mark.soak
@pytest.mark.embedded
@pytest.mark.real_data
def test_equal_to_the_library_on_real_pairs(library, model, real_pairs):
    """Five minutes on two cores."""
    assert_same(library, model, *(list(side) for side in zip(*real_pairs, strict=True)))


@pytest.mark.embedded
def test_equal_to_the_definition(model, pairs):
    """F1 of greedy cosine matches between the hidden states of a layer of the whole model; the marks do not count."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model).eval()

    def states(text):
        tokens = tokenizer(text, truncation=True, max_length=512, return_tensors="pt")
        with torch.no_grad():
            hidden = network(**tokens, output_hidden_states=True).hidden_states[LAYER][0].numpy()
        return hidden / np.linalg.norm(hidden, axis=1, keepdims=True)

    def f1(text, reference):
        matches = states(text) @ states(reference).T
        precision, recall = matches.max(1)[1:-1].mean(), matches.max(0)[1:-1].mean()
        return 2 * precision * recall / (precision + recall)

    texts, references = (side[:8] for side in pairs)
    expected = [f1(text, reference) for text, reference in zip(texts, references, strict=True)]
    assert bertscore(texts, references, model, LAYER) == pytest.approx(expected, abs=1e-5)


@pytest.mark.embedded
def test_empty_texts_score_zero_and_change_no_other(model):
    values = bertscore(["", "a small lamp", " \n", "a lamp", ""], ["a lamp", "a lamp", "a lamp", "", ""], model, LAYER)
    assert values == [0.0, bertscore(["a small lamp"], ["a lamp"], model, LAYER)[0], 0.0, 0.0, 0.0]
    assert 0.5 < values[1] < 1.0
    assert bertscore([], [], model, LAYER) == []


@pytest.mark.embedded
def test_by_name_whole_and_cut(model):
    metric, on_cut = open_metric(f"bertscore:{model}@{LAYER}"), open_metric(f"bertscore:{model}@{LAYER}_cut")
    assert (metric.label, on_cut.label) == ("BERTScore (model, layer 5)", "BERTScore (model, layer 5) (cut)")
    assert metric.per_case(["a lamp that is small"], ["a lamp"])[0] < 1.0
    assert on_cut.per_case(["a lamp that is small"], ["a lamp"])[0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.embedded
def test_a_layer_that_is_not_there(model):
    with pytest.raises(InputError, match="layer 9: Invalid num_layers: num_layers should be between 0 and 6"):
        bertscore(["a"], ["b"], model, 9)


@pytest.mark.parametrize(
    "name", ["bertscore:", "bertscore:folder", "bertscore:folder@", "bertscore:@5", "bertscore:f@x"]
)
def test_a_name_without_model_or_layer(name):
    with pytest.raises(InputError, match="write bertscore:MODEL@LAYER"):
        open_metric(name)


@pytest.fixture
def one_text(tmp_path):
    file = tmp_path / "f.jsonl"
    file.write_text('{"text": "a", "reference": "b"}')
    return file


def test_a_model_that_is_not_to_be_had_makes_a_noted_row(one_text, monkeypatch):
    import huggingface_hub

    def offline(model, **_options):
        raise OSError(f"no network for {model}\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    row, other = score([one_text], ["bertscore", "rouge1"]).rows
    assert (row.mean, row.n, other.mean) == (None, 0, 0.0)
    assert "(no network for allenai/led-base-16384); name a model folder: bertscore:FOLDER@LAYER" in row.note


def test_a_folder_without_a_model_makes_a_noted_row(one_text, tmp_path):
    assert "has no config.json" in score([one_text], [f"bertscore:{tmp_path}@5"]).rows[0].note
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    note = score([one_text], [f"bertscore:{tmp_path}@5"]).rows[0].note
    assert note.startswith(f"BERTScore's model {str(tmp_path)!r} cannot be loaded: ")
    assert "\n" not in note


def test_without_the_library_the_row_says_what_to_install(one_text, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bert_score" else found(name))
    ours._open.cache_clear()
    assert 'pip install ".[bertscore]"' in score([one_text], ["bertscore"]).rows[0].note


def test_opening_the_metric_loads_neither_library_nor_model():
    code = "import sys; from unlike.evaluate.metrics import open_metric; open_metric('bertscore_cut')"
    loaded = f"{code}; print(*{{'torch', 'bert_score', 'transformers', 'huggingface_hub'}} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True).stdout == b"\n"


@pytest.mark.embedded
def test_texts_that_the_model_does_not_read_whole_are_counted(tmp_path):
    rows = [{"text": "a lamp", "reference": "a lamp"}, {"text": "lamp " * 600, "reference": "a lamp"}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (row,) = score([tmp_path / "t.jsonl"], [f"bertscore:minilm@{LAYER}"]).rows
    assert row.tokens == "1 of 2 texts truncated to 512 tokens"
    assert ours.count_truncated(["a lamp"], ["a lamp"], "minilm", LAYER) == ""


@pytest.mark.embedded
def test_of_cut_texts_those_that_are_measured_are_counted(tmp_path):
    long = "lamp " * 600
    rows = [{"text": long, "reference": "a lamp"}, {"text": long, "reference": long}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (row,) = score([tmp_path / "t.jsonl"], [f"bertscore:minilm@{LAYER}_cut"]).rows
    assert row.tokens.startswith("1 of ")
    assert open_metric(f"bertscore:minilm@{LAYER}_cut").truncated([long], ["a lamp"]) == ""
