"""The terms of a step: what their weights and targets are set to is what they are computed with."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch

from tests.latent.conftest import TRAINING
from unlike.latent import loss
from unlike.latent.batch import collate, len_of_beginning
from unlike.latent.objective import autoencoder_terms, objective, term_names, text_nll
from unlike.latent.settings import LossWeights
from unlike.latent.train import train
from unlike.latent.untrained import seeded_module


def terms_of(lesson, weights):
    return objective(lesson.llm, seeded_module(lesson, 0), collate(lesson.examples, 3), weights)


@pytest.mark.parametrize("rho", [0.05, 0.5])
def test_the_sparsity_has_the_wanted_activation_that_is_set(lesson_of, rho):
    lesson = lesson_of()
    module, batch = seeded_module(lesson, 0), collate(lesson.examples, 3)
    expected = 0.0
    for signal in ("his", "diff"):
        vectors, mask = batch.inputs.of(signal)
        latent = module.reducer.encode(module.standards[signal](vectors))
        expected += loss.sparsity(rho, loss.mean_activation(latent, mask), mask)
    terms = terms_of(lesson, LossWeights(rho=rho, sparse=2.0, recon=3.0))
    torch.testing.assert_close(terms["sparse"], expected)
    torch.testing.assert_close(terms["loss"], terms["gen"] + 3 * (terms["recon"] + 2 * terms["sparse"]))


def test_a_training_is_told_the_wanted_activation(lesson_of, tmp_path):
    sparse = []
    for rho in (0.05, 0.5):
        settings = replace(TRAINING, max_steps=1, weights=LossWeights(rho=rho))
        adapter = train(lesson_of(), settings, tmp_path / str(rho))
        sparse.append(adapter.about.training["losses"][0]["sparse"])
    assert sparse[0] != pytest.approx(sparse[1], rel=1e-2)


@pytest.mark.parametrize("changes", [{"reduction": "ae"}, {"reduction": "raw"}, {"kind": "pplug"}])
def test_where_nothing_is_to_be_sparse_the_term_is_0_without_gradient(lesson_of, changes):
    terms = terms_of(lesson_of(**changes), LossWeights())
    assert float(terms["sparse"]) == 0
    assert not terms["sparse"].requires_grad


@pytest.mark.parametrize("kind", ["dep", "pplug", "prompt_tuning"])
@pytest.mark.parametrize("contrast", [0.0, 1.0])
def test_the_names_of_terms_are_known_without_a_batch(lesson_of, kind, contrast):
    weights = LossWeights(contrast=contrast)
    assert tuple(terms_of(lesson_of(kind), weights)) == term_names(weights)


def test_kinds_without_an_autoencoder_have_nothing_to_rebuild(lesson_of):
    lesson = lesson_of("prompt_tuning")
    soft = seeded_module(lesson, 0)(collate(lesson.examples, 3).inputs)
    assert {name: float(term) for name, term in autoencoder_terms(soft, 0.05).items()} == {"recon": 0, "sparse": 0}


def apart(examples, n):
    """A batch whose prompts begin with n tokens that stand apart."""
    with patch("unlike.latent.batch.len_of_beginning", return_value=n):
        return collate(examples, 3)


def test_a_beginning_read_once_gives_the_same_losses_and_gradients(lesson_of):
    lesson = lesson_of()
    longest = len_of_beginning(lesson.examples)
    assert longest > 5
    found = []
    for n in (0, 1, longest):
        module = seeded_module(lesson, 0)
        nll = text_nll(lesson.llm, module(apart(lesson.examples, n).inputs).bank, apart(lesson.examples, n))
        nll.sum().backward()
        found.append([nll, *(weight.grad for weight in module.parameters() if weight.grad is not None)])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-4, atol=1e-5)


def test_prompts_begin_alike_up_to_the_first_soft_vector_or_other_token(lesson_of):
    example = lesson_of().examples[0]
    ids, none = np.arange(8), np.full(8, -1)
    alone = replace(example, token_ids=ids, slots=none)
    soft = replace(example, token_ids=ids, slots=np.where(ids == 4, 0, -1))
    other = replace(example, token_ids=np.where(ids == 6, 0, ids), slots=none)
    assert len_of_beginning([alone]) == 7
    assert len_of_beginning([alone, soft]) == 4
    assert len_of_beginning([alone, other]) == 6
