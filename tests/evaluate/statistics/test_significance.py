"""Against scipy on the same arrays, and in simulation: p is uniform where nothing differs, intervals cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlike.evaluate.statistics.significance import (
    bootstrap_interval,
    cohens_dz,
    compare,
    holm,
    mean_and_std,
    means_by_user,
    paired,
    permutation_test,
    t_test,
    wilcoxon,
)

RANDOM = np.random.default_rng(7)
A = RANDOM.normal(0.30, 0.1, 60)
B = A - RANDOM.normal(0.02, 0.08, 60)


def test_t_test_and_wilcoxon_equal_scipy():
    assert t_test(A - B) == pytest.approx(stats.ttest_rel(A, B).pvalue, abs=1e-12)
    assert wilcoxon(A - B) == pytest.approx(stats.wilcoxon(A, B).pvalue, abs=1e-12)


def test_exact_permutation_test_equals_scipy():
    for n in (2, 5, 12):
        expected = stats.permutation_test(
            (A[:n], B[:n]), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
        )
        assert permutation_test(A[:n] - B[:n]) == pytest.approx(expected.pvalue, abs=1e-12)


def test_random_permutation_test_is_near_scipy_and_repeats_with_its_seed():
    expected = stats.permutation_test(
        (A, B), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples", vectorized=True, rng=1
    )
    assert permutation_test(A - B, seed=3) == pytest.approx(expected.pvalue, abs=0.01)
    assert permutation_test(A - B, seed=3) == permutation_test(A - B, seed=3)
    assert permutation_test(np.full(60, 1.0)) == 1 / 10_001


def test_bootstrap_interval_is_near_scipy_and_repeats_with_its_seed():
    expected = stats.bootstrap((A,), np.mean, method="percentile", n_resamples=10_000, rng=1).confidence_interval
    interval = bootstrap_interval(A, seed=3)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.002)
    assert interval == bootstrap_interval(A, seed=3)
    assert interval != bootstrap_interval(A, seed=4)


def test_p_is_uniform_where_the_methods_do_not_differ():
    random = np.random.default_rng(11)
    differences = random.normal(0, 1, (400, 40))
    for test in (t_test, wilcoxon, lambda values: permutation_test(values, n_resamples=999)):
        p_values = [test(values) for values in differences]
        assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_interval_covers_a_known_shift_95_percent_of_the_time():
    random = np.random.default_rng(13)
    shift, covered = 0.3, 0
    for seed in range(1000):
        interval = bootstrap_interval(random.normal(shift, 1, 100), seed, n_resamples=1000)
        covered += interval.low <= shift <= interval.high
    assert 0.93 <= covered / 1000 <= 0.97


def test_paired_joins_by_id_and_counts_what_is_left_out():
    pairs = paired({"u3": 3.0, "u1": 1.0, "only-a": 9.0}, {"u1": 0.5, "u3": 1.0, "only-b": 9.0, "b2": 9.0})
    assert pairs.ids == ("u1", "u3")
    assert pairs.differences.tolist() == [0.5, 2.0]
    assert pairs.n_left_out == 3


def test_a_user_s_value_is_the_mean_of_the_user_s_values():
    found = means_by_user([("b", 1.0), ("a", 0.5), ("b", 0.0)])
    assert list(found.items()) == [("b", 0.5), ("a", 0.5)]
    assert means_by_user([]) == {}


def test_compare():
    a, b = ({f"u{n}": value for n, value in enumerate(values)} for values in (A, B))
    result = compare(a | {"more": 1.0}, b)
    assert result is not None
    assert (result.n, result.n_left_out) == (60, 1)
    assert result.difference == pytest.approx(A.mean() - B.mean())
    assert result.interval.low < result.difference < result.interval.high
    assert result.effect_size == pytest.approx(np.mean(A - B) / np.std(A - B, ddof=1))
    assert result.p_t == pytest.approx(stats.ttest_rel(A, B).pvalue)
    assert compare({"u1": 1.0}, {"u1": 1.0, "u2": 1.0}) is None


def test_identical_methods_have_p_1_and_no_effect():
    same = {f"u{n}": 0.25 for n in range(20)}
    result = compare(same, same)
    assert result is not None
    assert (result.p_t, result.p_wilcoxon, result.p_permutation, result.effect_size) == (1.0, 1.0, 1.0, 0.0)
    assert (result.interval.low, result.interval.high) == (0.0, 0.0)


def test_a_constant_difference_is_certain():
    assert t_test(np.full(5, 0.5)) == 0.0
    assert cohens_dz(np.full(5, -0.5)) == -np.inf
    assert permutation_test(np.full(5, 0.5)) == 2 / 32


def test_mean_and_std():
    assert mean_and_std([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert mean_and_std([4.0]) == (4.0, None)


def test_holm_by_hand():
    """Holm (1979): smallest p times 4, then times 3 and so on, never below the one before, never over 1."""
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert list(holm({"z": 0.9, "a": 0.8})) == ["z", "a"]
    assert holm({"z": 0.9, "a": 0.8}) == {"z": 1.0, "a": 1.0}
    assert holm({"a": None, "b": 0.02, "c": 0.5}) == {"b": 0.04, "c": 0.5}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_never_lowers(p_values):
    adjusted = holm(p_values)
    assert all(p_values[name] <= adjusted[name] <= 1 for name in p_values)
    by_p = sorted(p_values, key=lambda name: p_values[name])
    assert all(adjusted[a] <= adjusted[b] for a, b in zip(by_p, by_p[1:], strict=False))


def test_what_is_not_a_number_has_no_p():
    differences = np.array([0.1, np.nan, 0.3, 0.2])
    assert all(np.isnan(test(differences)) for test in (t_test, wilcoxon, permutation_test))
    assert holm({"a": 0.01, "b": np.nan, "c": None}) == {"a": 0.01}
