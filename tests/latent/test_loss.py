"""Equations 8 to 11 against values worked out by hand and against a plain formulation."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unlike.latent import loss

ALL = torch.ones(1, 2, dtype=torch.bool)


def test_equation_8_by_hand():
    vectors = torch.tensor([[[0.0, 0.0], [1.0, 3.0]]])
    rebuilt = torch.tensor([[[0.5, 0.0], [1.0, 0.0]]])
    # SmoothL1: 0.5 x^2 below 1, |x| - 0.5 from there: (0.125 + 0) / 2 and (0 + 2.5) / 2, then their mean.
    assert float(loss.reconstruction(vectors, rebuilt, ALL)) == pytest.approx((0.0625 + 1.25) / 2)


def test_equation_9_by_hand():
    latent = torch.tensor([[[0.2, 0.4], [0.6, 0.0]]])
    torch.testing.assert_close(loss.mean_activation(latent, ALL), torch.tensor([[0.4, 0.2]]))
    first = torch.tensor([[True, False]])
    torch.testing.assert_close(loss.mean_activation(latent, first), torch.tensor([[0.2, 0.4]]))


def test_equation_10_by_hand():
    found = loss.sparsity(0.05, torch.tensor([[0.5, 0.05]]), ALL)
    kl = 0.05 * math.log(0.05 / 0.5) + 0.95 * math.log(0.95 / 0.5)
    assert float(found) == pytest.approx(kl / 2, rel=1e-6)


@given(st.floats(-5, 5))
def test_the_sparsity_is_finite_and_never_negative(activation):
    found = loss.sparsity(0.05, torch.tensor([[activation]]), ALL[:, :1])
    assert math.isfinite(float(found))
    assert float(found) >= 0


@given(st.floats(0.051, 0.999), st.floats(0.001, 0.95))
def test_the_sparsity_pulls_towards_rho_from_both_sides(above, share):
    nearer = 0.05 + share * (above - 0.05)
    of = [float(loss.sparsity(0.05, torch.tensor([[value]]), ALL[:, :1])) for value in (0.05, nearer, above)]
    assert of[0] == pytest.approx(0, abs=1e-6)
    assert of[1] <= of[2] + 1e-6
    low = [float(loss.sparsity(0.05, torch.tensor([[value]]), ALL[:, :1])) for value in (0.01, 0.03)]
    assert low[0] > low[1] > 0


def test_the_generation_loss_is_the_mean_of_each_example_s_own_mean():
    logits, targets = torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.int64)
    logits[1, 2, 0] = 100.0
    mask = torch.tensor([[True, True, True], [False, False, True]])
    found = loss.generation(logits, targets, mask)
    torch.testing.assert_close(found, torch.tensor([math.log(4), 0.0]))


def test_the_contrast_is_small_where_the_own_vectors_explain_better():
    near, far = torch.tensor([1.0]), torch.tensor([5.0])
    assert float(loss.contrast(near, far)) < math.log(2) < float(loss.contrast(far, near))


def test_equation_11_by_hand():
    terms = {name: torch.tensor(value) for name, value in (("gen", 2.0), ("recon", 0.03), ("sparse", 4.0))}
    assert float(loss.total(terms, 100, 1e-3)) == pytest.approx(2 + 100 * (0.03 + 1e-3 * 4))
    with_contrast = terms | {"contrast": torch.tensor(0.5)}
    assert float(loss.total(with_contrast, 0, 0, 2.0)) == pytest.approx(3.0)


def test_rows_that_are_no_vectors_count_nowhere():
    vectors, rebuilt = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    alone = loss.reconstruction(vectors[:1, :2], rebuilt[:1, :2], mask[:1, :2])
    torch.testing.assert_close(loss.reconstruction(vectors, rebuilt, mask), alone)
    activation = torch.tensor([[0.3], [0.9]])
    torch.testing.assert_close(loss.sparsity(0.05, activation, mask), loss.sparsity(0.05, activation[:1], mask[:1]))
