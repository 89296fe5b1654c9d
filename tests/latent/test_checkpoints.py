"""What chooses a checkpoint: likelihood, METEOR, or the order where there is nothing to choose by."""

from dataclasses import replace

import pytest
import torch

import unlike
from tests.latent.conftest import TRAINING
from tests.llm.tiny_llm import tiny_llm
from unlike.errors import EngineError, InputError, MissingPart
from unlike.evaluate.metrics import meteor as room
from unlike.latent import checkpoints
from unlike.latent.checkpoints import Choice, TextMetric, choice_of, mean_nll, write_texts
from unlike.latent.train import train
from unlike.llm.backend import Sampling

FEW = {
    "n_records": 1,
    "representatives": 2,
    "with_text": False,
    "text_chars": 60,
    "max_prompt_tokens": 1900,
    "max_targets": 1,
    "max_target_tokens": 8,
    "validation": 2,
    "batch": 12,
    "epochs": 3,
    "choose_by": "meteor",
}


@pytest.fixture
def scored(monkeypatch):
    """METEOR replaced by given means; what it was asked for."""
    asked, means = [], iter([0.2, 0.7, 0.4])

    def meteor(texts, references):
        asked.append((texts, references))
        return [next(means)] * len(texts)

    monkeypatch.setattr(room, "meteor", meteor)
    monkeypatch.setattr(room, "find_data", lambda: "")
    return asked


def test_meteors_data_is_looked_for_before_anything_is_trained(monkeypatch, tmp_path):
    def missing():
        raise MissingPart("METEOR's data is missing")

    def opened(*_):
        raise AssertionError("the training began")

    monkeypatch.setattr(room, "find_data", missing)
    monkeypatch.setattr("unlike.llm.local_model.open_local_model", opened)
    with pytest.raises(MissingPart, match="METEOR's data is missing"):
        unlike.train(
            unlike.sample_corpus(), "dep", "transformers:any", tmp_path / "dep", embedder="hashing:16", settings=FEW
        )


def test_the_library_chooses_by_meteor_and_the_metadata_says_so(scored, tmp_path):
    corpus = unlike.sample_corpus()
    llm = f"transformers:{tiny_llm(tmp_path / 'llm', seed=3)}"
    rows = []
    adapter = unlike.train(
        corpus, "dep", llm, tmp_path / "dep", embedder="hashing:16", settings=FEW, on_step=rows.append
    )
    training = adapter.metadata.training
    assert training["chosen_by"] == "meteor"
    assert training["plan"]["train"]["choose_by"] == "meteor"
    assert [row["value"] for row in training["validations"]] == [0.2, 0.7, 0.4]
    assert training["best"] == 0.7
    assert len(scored) == 3
    real = {case.reference for case in corpus.cases("validation")}
    assert all(len(texts) == len(references) == 2 and set(references) <= real for texts, references in scored)
    assert rows[-1].step == rows[-1].n_steps == len(training["losses"])
    assert (tmp_path / "dep" / "losses.png").read_bytes().startswith(b"\x89PNG")
    again = unlike.train(corpus, "dep", llm, tmp_path / "dep", embedder="hashing:16", settings=FEW, salt="other")
    assert again.digest == adapter.digest
    assert len(scored) == 3  # a finished training is not done again


def test_texts_that_are_not_english_are_chosen_by_rouge_l(monkeypatch, tmp_path):
    monkeypatch.setattr("unlike.language.language_of", lambda texts: "spaced")
    llm = f"transformers:{tiny_llm(tmp_path / 'llm', seed=3)}"
    settings = {**FEW, "max_steps": 1}
    adapter = unlike.train(
        unlike.sample_corpus(), "dep", llm, tmp_path / "dep", embedder="hashing:16", settings=settings
    )
    assert adapter.metadata.training["chosen_by"] == "rougeL"


@pytest.mark.parametrize(
    ("kind", "llm", "says"),
    [("lora", "transformers:x", "kind=lora"), ("dep", "scripted:echo", "give transformers:MODEL")],
)
def test_what_cannot_be_trained_is_one_clear_error(kind, llm, says, tmp_path):
    with pytest.raises(InputError, match=says):
        unlike.train(unlike.sample_corpus(), kind, llm, tmp_path, embedder="hashing:16")


def test_without_meteor_it_is_refused_and_never_ignored(data_of, tmp_path):
    with pytest.raises(InputError, match="train with unlike.train, or set choose_by='nll'"):
        train(data_of(), replace(TRAINING, choose_by="meteor"), tmp_path)


def test_the_likelihood_chooses_the_lowest_value(data_of, tmp_path):
    data = data_of()
    adapter = train(data, TRAINING, tmp_path)
    training = adapter.metadata.training
    assert training["chosen_by"] == "nll"
    assert training["best"] == min(row["value"] for row in training["validations"])
    assert training["best"] == pytest.approx(mean_nll(data.llm, adapter.module, data.validation, 1), abs=1e-4)


def test_without_validation_cases_the_last_checkpoint_is_kept(data_of, tmp_path):
    data = replace(data_of(), validation=[])
    assert train(data, TRAINING, tmp_path).metadata.training["chosen_by"] == "last"
    assert Choice("last", lambda module: 0.0).prefers(0.0, 0.0)


def test_a_choice_prefers_the_better_value_and_of_equal_ones_the_later():
    high, low = Choice("a", lambda module: 0.0, higher_is_better=True), Choice("b", lambda module: 0.0)
    assert [high.prefers(value, 0.5) for value in (0.4, 0.5, 0.6)] == [False, True, True]
    assert [low.prefers(value, 0.5) for value in (0.4, 0.5, 0.6)] == [True, True, False]
    assert high.prefers(-1.0, None)
    for choice in (high, low):
        assert choice.prefers(0.5, float("nan")) and not choice.prefers(float("nan"), 0.5)


def test_texts_are_written_in_the_order_of_their_examples(data_of):
    data = data_of()
    module, sampling = data.untrained_module(0).eval(), Sampling(max_tokens=6, seed=1)
    together = write_texts(data.llm, module, data.examples, sampling, 3)
    assert together == [write_texts(data.llm, module, [example], sampling, 1)[0] for example in data.examples]


def test_validation_in_batches_gives_the_same_numbers(data_of):
    data = data_of()
    module = data.untrained_module(0).eval()
    alone = mean_nll(data.llm, module, data.examples, 1)
    assert mean_nll(data.llm, module, data.examples, 3) == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("choose_by", ["nll", "meteor"])
def test_validation_has_a_batch_of_its_own(data_of, monkeypatch, choose_by):
    sizes = []
    written, scored = checkpoints.write, checkpoints.text_nll
    monkeypatch.setattr(
        checkpoints, "write", lambda model, rows, ends: sizes.append(len(rows)) or written(model, rows, ends)
    )
    monkeypatch.setattr(
        checkpoints, "text_nll", lambda llm, bank, part: sizes.append(len(bank)) or scored(llm, bank, part)
    )
    data = replace(data_of(), validation=data_of().examples)
    settings = replace(TRAINING, batch=1, validation_batch=3, choose_by=choose_by, max_target_tokens=2)
    metric = TextMetric("length", lambda texts, real: [len(text) for text in real])
    choice_of(data, settings, metric).value(data.untrained_module(0).eval())
    assert sizes == [3, 1]


def test_logits_of_long_texts_limit_a_batch(data_of, monkeypatch):
    data = data_of()
    monkeypatch.setattr(checkpoints, "LOGITS_AT_ONCE", 1)
    sizes, scored = [], checkpoints.text_nll
    monkeypatch.setattr(
        checkpoints, "text_nll", lambda llm, bank, part: sizes.append(len(bank)) or scored(llm, bank, part)
    )
    mean_nll(data.llm, data.untrained_module(0).eval(), data.validation, 2)
    assert sizes == [1, 1]


def test_recomputed_activations_do_not_change_what_validation_writes(data_of, tmp_path):
    found = []

    def written(recompute):
        data = replace(data_of(), examples=data_of().examples[:1], validation=data_of().validation[:1])
        settings = replace(
            TRAINING, epochs=1, max_steps=1, recompute=recompute, choose_by="meteor", max_target_tokens=6
        )
        metric = TextMetric("kept", lambda texts, real: found.append(texts) or [0.0] * len(texts))
        train(data, settings, tmp_path / str(recompute), choice_of(data, settings, metric))
        return found.pop()

    assert written(True) == written(False)


def test_validation_without_memory_says_what_to_lower(data_of, tmp_path):
    def full(module):
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(EngineError, match="lower validation_batch"):
        train(data_of(), replace(TRAINING, max_steps=1), tmp_path, Choice("mine", full))


def test_the_choice_that_the_settings_ask_for_scores_the_texts(data_of):
    data = data_of()
    metric = TextMetric("length", lambda texts, real: [len(text) for text in real])
    choice = choice_of(data, replace(TRAINING, choose_by="meteor"), metric)
    expected = sum(len(example.case.reference) for example in data.validation) / len(data.validation)
    assert choice.value(data.untrained_module(0).eval()) == expected
    assert (choice.name, choice.higher_is_better) == ("length", True)
