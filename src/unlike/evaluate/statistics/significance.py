"""Is one method better than another, and how sure is that? Small functions over values by id.

Everything is paired by id, never by position; what is missing on one side is left out on both, and counted. DPL tests
over the runs at five temperatures, we over users: the functions do not care which of the two the ids name. Values of
several cases of a user are averaged first, since they are not independent.

Whatever draws at random takes a seed. Methods that agree on every case give p = 1, not "not a number". scipy.stats is
imported where a test is made: the import takes half of a command's start-up time.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
"""(n,) one value per case, user or run."""

MIN_USERS = 10
"""Minimum for a test or an interval: with three users a t-test can give p = 0.02, a permutation test at least 0.25."""
_DRAWS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Paired:
    """Values of two methods on the same cases.

    Attributes:
        ids: Ids of the cases that both have, sorted.
        a: (n,) values of the first method.
        b: (n,) values of the second method.
        n_left_out: Cases that only one of them has.
    """

    ids: tuple[str, ...]
    a: Values
    b: Values
    n_left_out: int

    @property
    def differences(self) -> Values:
        """(n,) a - b."""
        return self.a - self.b


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval that holds the true mean with a probability of ``level``."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """One method against another; every difference is first minus second."""

    n: int
    n_left_out: int
    difference: float
    interval: Interval
    p_t: float
    p_wilcoxon: float
    p_permutation: float
    effect_size: float


def means_by_user(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The mean of each user's values, users in the order in which they first come: the user is the unit of every test.

    Args:
        values: (user id, value) pairs.
    """
    of_user: dict[str, list[float]] = {}
    for user_id, value in values:
        of_user.setdefault(user_id, []).append(value)
    return {user_id: sum(own) / len(own) for user_id, own in of_user.items()}


def paired(a: Mapping[str, float], b: Mapping[str, float]) -> Paired:
    """Join the values of two methods by id, leaving out what one of them lacks."""
    ids = sorted(a.keys() & b.keys())
    return Paired(
        tuple(ids),
        np.array([a[key] for key in ids], dtype=np.float64),
        np.array([b[key] for key in ids], dtype=np.float64),
        len(a.keys() | b.keys()) - len(ids),
    )


def compare(a: Mapping[str, float], b: Mapping[str, float], seed: int = 0) -> PairedComparison | None:
    """All tests of one method against another; None for fewer than two common cases."""
    pairs = paired(a, b)
    if len(pairs.ids) < 2:
        return None
    differences = pairs.differences
    return PairedComparison(
        n=len(pairs.ids),
        n_left_out=pairs.n_left_out,
        difference=float(differences.mean()),
        interval=bootstrap_interval(differences, seed),
        p_t=t_test(differences),
        p_wilcoxon=wilcoxon(differences),
        p_permutation=permutation_test(differences, seed),
        effect_size=cohens_dz(differences),
    )


def mean_and_std(values: Iterable[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (n - 1) over runs; a single run has no deviation."""
    array = np.fromiter(values, dtype=np.float64)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


def bootstrap_interval(values: Values, seed: int = 0, n_resamples: int = 10_000, level: float = 0.95) -> Interval:
    """Percentile bootstrap interval of the mean (Efron and Tibshirani, 1993, chapter 13).

    Args:
        values: (n,) one value per user, n >= 1.
        seed: Seed of the draws.
        n_resamples: Number of bootstrap samples, each of n users drawn with replacement.
        level: Probability that the interval holds the true mean.
    """
    random = np.random.default_rng(seed)
    means = np.empty(n_resamples)
    step = max(1, _DRAWS_AT_ONCE // len(values))
    for start in range(0, n_resamples, step):
        drawn = random.integers(0, len(values), size=(min(step, n_resamples - start), len(values)))
        means[start : start + len(drawn)] = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def interval_ends(values: Values) -> tuple[float | None, float | None]:
    """The ends of the 95 % bootstrap interval of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None, None
    interval = bootstrap_interval(values)
    return interval.low, interval.high


def t_test(differences: Values) -> float:
    """Two-sided p of the paired t-test; n >= 2."""
    if np.ptp(differences) == 0:
        return 1.0 if differences[0] == 0 else 0.0
    from scipy import stats

    result: Any = stats.ttest_1samp(differences, 0.0)
    return float(result.pvalue)


def wilcoxon(differences: Values) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; differences of zero are dropped (Wilcoxon, 1945)."""
    if not differences.any():
        return 1.0
    from scipy import stats

    result: Any = stats.wilcoxon(differences)
    return float(result.pvalue)


def permutation_test(differences: Values, seed: int = 0, n_resamples: int = 10_000) -> float:
    """Two-sided p of the paired permutation test of the mean: swap the methods' values case by case.

    All 2^n swaps where there are no more of them than ``n_resamples`` (the exact test: five runs have 32), else
    random ones with the observed one counted in (Phipson and Smyth, 2010), so p is never 0.

    Args:
        differences: (n,) first minus second method.
        seed: Seed of the draws.
        n_resamples: Number of random swaps.

    Returns:
        NaN where a difference is not finite, as from the other tests.
    """
    if not np.isfinite(differences).all():
        return math.nan
    n, observed = len(differences), abs(differences.sum())
    tolerance = 1e-12 * np.abs(differences).sum()  # sums of the same numbers in another order count as equal
    if 2**n <= n_resamples:
        signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        return float(np.mean(np.abs(signs @ differences) >= observed - tolerance))
    random = np.random.default_rng(seed)
    as_extreme, step = 0, max(1, _DRAWS_AT_ONCE // n)
    for start in range(0, n_resamples, step):
        signs = 1.0 - 2.0 * random.integers(0, 2, size=(min(step, n_resamples - start), n))
        as_extreme += int(np.count_nonzero(np.abs(signs @ differences) >= observed - tolerance))
    return (as_extreme + 1) / (n_resamples + 1)


def cohens_dz(differences: Values) -> float:
    """Effect size of paired values: mean difference over its standard deviation (Cohen, 1988); n >= 2."""
    mean, deviation = float(differences.mean()), float(differences.std(ddof=1))
    if deviation == 0:
        return 0.0 if mean == 0 else float(np.copysign(np.inf, mean))
    return mean / deviation


def holm(p_values: Mapping[str, float | None]) -> dict[str, float]:
    """p-values adjusted for multiple tests (Holm, 1979), in the given order.

    Args:
        p_values: p-value by name of the test; None or NaN, which are left out, for a test that could not be made.
    """
    made = {name: p for name, p in p_values.items() if p is not None and not math.isnan(p)}
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(made, key=lambda key: made[key])):
        largest = max(largest, min(1.0, (len(made) - rank) * made[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in made}
