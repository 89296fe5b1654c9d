"""Equations 8 to 11 against values worked out by hand, and the objective against its terms and the released code's."""

import math
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.latent.conftest import TRAINING
from unlike.latent.batch import collate, len_of_beginning
from unlike.latent.loss import (
    LossTerms,
    StepSize,
    contrastive,
    mean_activation,
    objective,
    reconstruction,
    sparsity,
    step_size,
    text_nll,
    token_nll,
)
from unlike.latent.modules import Coded
from unlike.latent.settings import RECIPES, LossWeights
from unlike.latent.train import train

ALL = torch.ones(1, 2, dtype=torch.bool)


def coded(vectors=None, rebuilt=None, latent=None, mask=ALL):
    """Vectors of which a test needs only some parts."""
    parts = [part if part is not None else torch.zeros(*mask.shape, 1) for part in (vectors, latent, rebuilt)]
    return Coded(*parts, mask)


def kl(mean, rho=0.05):
    return rho * math.log(rho / mean) + (1 - rho) * math.log((1 - rho) / (1 - mean))


def test_equation_8_by_hand():
    vectors = torch.tensor([[[0.0, 0.0], [1.0, 3.0]]])
    rebuilt = torch.tensor([[[0.5, 0.0], [1.0, 0.0]]])
    # SmoothL1: 0.5 x^2 below 1, |x| - 0.5 from there: (0.125 + 0) / 2 and (0 + 2.5) / 2, then their mean.
    assert float(reconstruction(coded(vectors, rebuilt))) == pytest.approx((0.0625 + 1.25) / 2)


def test_equation_9_by_hand():
    latent = torch.tensor([[[0.2, 0.4], [0.6, 0.0]]])
    torch.testing.assert_close(mean_activation(latent, ALL), torch.tensor([[0.4, 0.2]]))
    first = torch.tensor([[True, False]])
    torch.testing.assert_close(mean_activation(latent, first), torch.tensor([[0.2, 0.4]]))


def test_equation_10_by_hand():
    found = sparsity(coded(latent=torch.tensor([[[0.6, 0.05], [0.4, 0.05]]])), 0.05)
    assert float(found) == pytest.approx(kl(0.5) / 2, rel=1e-6)


def sparsity_at(activation):
    return float(sparsity(coded(latent=torch.full((1, 2, 1), activation)), 0.05))


@given(st.floats(-5, 5))
def test_the_sparsity_is_finite_and_never_negative(activation):
    assert math.isfinite(sparsity_at(activation))
    assert sparsity_at(activation) >= 0


@given(st.floats(0.051, 0.999), st.floats(0.001, 0.95))
def test_the_sparsity_pulls_towards_rho_from_both_sides(above, share):
    nearer = 0.05 + share * (above - 0.05)
    assert sparsity_at(0.05) == pytest.approx(0, abs=1e-6)
    assert sparsity_at(nearer) <= sparsity_at(above) + 1e-6
    assert sparsity_at(0.01) > sparsity_at(0.03) > 0


def test_the_generation_loss_is_the_mean_of_each_example_s_own_mean():
    logits, targets = torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.int64)
    logits[1, 2, 0] = 100.0
    mask = torch.tensor([[True, True, True], [False, False, True]])
    torch.testing.assert_close(token_nll(logits, targets, mask), torch.tensor([math.log(4), 0.0]))


def test_the_contrast_is_small_where_the_own_vectors_explain_better():
    near, far = torch.tensor([1.0]), torch.tensor([5.0])
    assert float(contrastive(near, far)) < math.log(2) < float(contrastive(far, near))


def test_rows_that_are_no_vectors_count_nowhere():
    vectors, rebuilt, latent = torch.randn(2, 3, 4), torch.randn(2, 3, 4), torch.rand(2, 3, 4)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    padded = coded(vectors, rebuilt, latent, mask)
    alone = coded(vectors[:1, :2], rebuilt[:1, :2], latent[:1, :2], mask[:1, :2])
    torch.testing.assert_close(reconstruction(padded), reconstruction(alone))
    torch.testing.assert_close(sparsity(padded, 0.05), sparsity(alone, 0.05))


def terms_of(data, weights, batch=None, step=None):
    batch = batch or collate(data.examples, 3)
    return objective(data.llm.model, data.untrained_module(0), batch, weights, step or step_size([batch]))


def test_equation_11_of_its_terms(data_of):
    weights = LossWeights(recon=3.0, sparse=2.0, contrast=0.5)
    terms = terms_of(data_of(), weights)
    by_hand = terms.gen + 3 * (terms.recon + 2 * terms.sparse) + 0.5 * terms.contrast
    torch.testing.assert_close(terms.loss, by_hand)
    assert min(terms).detach() > 0


@pytest.mark.parametrize("rho", [0.05, 0.5])
def test_the_terms_are_sums_over_both_signals(data_of, rho):
    data = data_of()
    both = data.untrained_module(0)(collate(data.examples, 3).inputs).coded
    terms = terms_of(data, LossWeights(rho=rho))
    torch.testing.assert_close(terms.recon, reconstruction(both[0]) + reconstruction(both[1]))
    torch.testing.assert_close(terms.sparse, sparsity(both[0], rho) + sparsity(both[1], rho))


def test_the_terms_of_a_step_are_the_sums_over_its_batches(data_of):
    data = data_of()
    group = [collate(data.examples[:2], 3), collate(data.examples[2:], 3)]
    whole = terms_of(data, LossWeights())
    parts = [terms_of(data, LossWeights(), batch, step_size(group)) for batch in group]
    torch.testing.assert_close(LossTerms(*map(sum, zip(*parts, strict=True))), whole, rtol=1e-4, atol=1e-5)


def released_terms(module, inputs):
    """Reconstruction and KL as the released code computes them, of one example: over all its vectors together."""
    vectors = torch.cat([inputs.his[0], inputs.diff[0]])
    latent = functional.gelu(module.reducer.encoder(vectors))
    recon = functional.smooth_l1_loss(functional.gelu(module.reducer.decoder(latent)), vectors)
    mean = latent.mean(dim=0).clamp(1e-6, 1 - 1e-6)
    return recon, (0.05 * torch.log(0.05 / mean) + 0.95 * torch.log(0.95 / (1 - mean))).mean()


def test_the_released_preset_is_the_released_code_s_loss_number_for_number(data_of):
    """A step of two accumulated batches: L_gen per token of the step, the other terms undivided."""
    weights, settings = RECIPES["released"].train.weights, RECIPES["released"].adapter
    data = data_of(activation=settings.activation, standardise=False, initialisation="normal", scaled=False)
    short = replace(data.examples[1], target_ids=data.examples[1].target_ids[:7])
    group = [collate([example], 3) for example in (data.examples[0], short)]
    for batch in group:
        batch.inputs.compared[:] = batch.inputs.shown  # the released code gives it only records with peers
    module = data.untrained_module(0)
    found = [objective(data.llm.model, module, batch, weights, step_size(group)) for batch in group]
    n_targets = [int(batch.learned.sum()) for batch in group]
    assert n_targets[0] > n_targets[1] == 7
    loss = torch.zeros(())
    for batch, terms, n in zip(group, found, n_targets, strict=True):
        recon, divergence = released_terms(module, batch.inputs)
        gen = text_nll(data.llm.model, module(batch.inputs).bank, batch)[0] * n / sum(n_targets)
        torch.testing.assert_close((terms.gen, terms.recon, terms.sparse), (gen, recon, divergence))
        loss = loss + gen + (recon + 1e-3 * divergence) * 100
    torch.testing.assert_close(sum(terms.loss for terms in found), loss)


def test_the_paper_s_terms_are_twice_the_released_ones(data_of):
    """Of vectors that all are real, as many of each signal: a sum of two means against one mean."""
    data = data_of()
    batch = collate(data.examples, 3)
    batch.inputs.compared[:] = batch.inputs.shown
    paper, released = (terms_of(data, LossWeights(objective=name), batch) for name in ("paper", "released"))
    assert float((paper.recon / released.recon).detach()) == pytest.approx(2.0, rel=1e-5)


def test_the_released_terms_are_not_divided_by_accumulation(data_of):
    data = data_of()
    batch = collate(data.examples[:1], 3)
    step = StepSize(n_batches=16, n_targets=16 * int(batch.learned.sum()))
    paper, released = (
        [terms_of(data, LossWeights(objective=name), batch, size) for size in (step_size([batch]), step)]
        for name in ("paper", "released")
    )
    for alone, accumulated, shares in ((*paper, (16, 16, 16)), (*released, (16, 1, 1))):
        for place, share in zip((1, 2, 3), shares, strict=True):
            assert float((alone[place] / accumulated[place]).detach()) == pytest.approx(share, rel=1e-5)


def test_a_training_uses_the_rho_that_is_set(data_of, tmp_path):
    sparse = []
    for rho in (0.05, 0.5):
        settings = replace(TRAINING, max_steps=1, weights=LossWeights(rho=rho))
        train(data_of(), settings, tmp_path / str(rho), on_step=lambda row: sparse.append(row.sparse))
    assert sparse[0] != pytest.approx(sparse[1], rel=1e-2)


@pytest.mark.parametrize("changes", [{"reduction": "ae"}, {"reduction": "raw"}, {"kind": "pplug"}])
def test_where_nothing_is_to_be_sparse_the_term_is_0_without_gradient(data_of, changes):
    terms = terms_of(data_of(**changes), LossWeights())
    assert float(terms.sparse) == 0
    assert not terms.sparse.requires_grad


def test_kinds_without_an_autoencoder_have_nothing_to_rebuild(data_of):
    for objective_name in ("paper", "released"):
        terms = terms_of(data_of("prompt_tuning"), LossWeights(objective=objective_name))
        assert (float(terms.recon), float(terms.sparse)) == (0, 0)


def test_gradients_reach_the_adapter_and_nothing_else(data_of):
    data = data_of()
    module, batch = data.untrained_module(0), collate(data.examples, 3)
    objective(data.llm.model, module, batch, LossWeights(contrast=1.0), step_size([batch])).loss.backward()
    assert all(weight.grad is None and not weight.requires_grad for weight in data.llm.model.parameters())
    assert {name for name, weight in module.named_parameters() if weight.grad is None or not weight.grad.any()} == set()


def apart(examples, n):
    """A batch whose prompts begin with n tokens that are kept apart."""
    with patch("unlike.latent.batch.len_of_beginning", return_value=n):
        return collate(examples, 3)


def test_a_beginning_read_once_gives_the_same_losses_and_gradients(data_of):
    data = data_of()
    longest = len_of_beginning(data.examples)
    assert longest > 5
    found = []
    for n in (0, 1, longest):
        module = data.untrained_module(0)
        batch = apart(data.examples, n)
        nll = text_nll(data.llm.model, module(batch.inputs).bank, batch)
        nll.sum().backward()
        found.append([nll, *(weight.grad for weight in module.parameters() if weight.grad is not None)])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-4, atol=1e-5)


def test_prompts_begin_alike_up_to_the_first_soft_vector_or_other_token(data_of):
    example = data_of().examples[0]
    ids, none = np.arange(8), np.full(8, -1)
    alone = replace(example, token_ids=ids, slots=none)
    soft = replace(example, token_ids=ids, slots=np.where(ids == 4, 0, -1))
    other = replace(example, token_ids=np.where(ids == 6, 0, ids), slots=none)
    assert len_of_beginning([alone]) == 7
    assert len_of_beginning([alone, soft]) == 4
    assert len_of_beginning([alone, other]) == 6
