"""How well three measures distinguish a user's text from a foil: shares, areas under the curve, and gains of the last.

Each text has a score: its cosine with the mean over the user's earlier records. The measures differ in what is compared:

- own vector: the vectors of the texts;
- centred: the vectors minus the mean of all texts, so that what all texts share plays no part;
- difference: the vectors minus the mean of the peers' on the item (DEP, equation 4).

The unit of resampling is the user; values of several trials of a user are averaged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from unlike.evaluate.identity.trials import Trial
from unlike.evaluate.statistics.significance import permutation_test

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]
"""(n_measures, n_users, n_trials, 2): the scores of each trial's own text and foil."""

DRAWS = 10_000
"""Bootstrap samples of the users."""
DRAWS_AT_ONCE = 1_000_000
"""Maximum number of drawn users in memory, over all samples of a block."""


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """Vectors of texts.

    Attributes:
        vectors: (n_records, dim), by number of record.
        centre: (dim,) mean vector of the texts.
    """

    vectors: Floats
    centre: Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % bootstrap interval over users."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Discrimination:
    """How well one measure distinguishes own texts from foils; chance is 0.5 in both.

    Attributes:
        share: Share of trials in which the own text is nearer; ties count half.
        auc: Area under the ROC curve of the pooled scores.
    """

    share: Estimate
    auc: Estimate


@dataclass(frozen=True, slots=True)
class Gain:
    """The figures of a measure minus those of another one on the same trials.

    Attributes:
        share: Difference of the shares.
        auc: Difference of the areas.
        p: Two-sided p of the gain in share, by the paired permutation test over users.
    """

    share: Estimate
    auc: Estimate
    p: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """The three measures on the same trials."""

    own_vector: Discrimination
    centred: Discrimination
    difference: Discrimination
    over_own_vector: Gain
    over_centred: Gain


def contrast(space: VectorSpace, repeats: Sequence[Sequence[Trial]], seed: int) -> Contrast:
    """All measures on some trials.

    Args:
        space: The vectors.
        repeats: Lists of one trial per user, all of the same users in the same order.
        seed: Seed of the bootstrap and the permutations.
    """
    return compared(scores(space, repeats), seed)


def against_strangers(space: VectorSpace, repeats: Sequence[Sequence[Trial]], seed: int) -> Contrast:
    """Does the user's own history favour the own text more than a stranger's history does?

    What makes one of the two texts nearer to any history cancels out, so this is 0.5 where the own history is no nearer
    than any other history, whatever the two texts are.

    Args:
        space: The vectors.
        repeats: The trials, and then as many lists of the same trials with strangers' histories.
        seed: Seed of the bootstrap and the permutations.
    """
    favour = -np.diff(scores(space, repeats), axis=3)[..., 0]  # (n_measures, n_users, n_repeats)
    return compared(np.stack(np.split(favour, 2, axis=2), axis=3), seed)


def scores(space: VectorSpace, repeats: Sequence[Sequence[Trial]]) -> Scores:
    """Scores of own texts and foils by each measure."""
    return np.stack([_scores(space, trials) for trials in repeats], axis=2)


def _scores(space: VectorSpace, trials: Sequence[Trial]) -> Scores:
    """Scores of one trial per user, (n_measures, n_users, 2).

    The mean over j of (e - e_j) is e minus the mean of the e_j, so each set of peers is averaged once.
    """
    vectors, centre = space.vectors, space.centre
    history = [one for trial in trials for one in trial.history]
    ends = np.cumsum([len(trial.history) for trial in trials])
    of_trial = _averaging(np.split(np.arange(len(history)), ends[:-1]), len(history))
    past = vectors[np.array([one.record for one in history])]
    now = vectors[np.array([(trial.own, trial.foil) for trial in trials])]  # (n_users, 2, dim)
    past_peer_means = _averaging([one.peers for one in history], len(vectors)) @ vectors
    peer_means = _averaging([trial.peers for trial in trials], len(vectors)) @ vectors
    return np.stack(
        [
            _cosine(now, of_trial @ past),
            _cosine(now - centre, of_trial @ (past - centre)),
            _cosine(now - peer_means[:, None], of_trial @ (past - past_peer_means)),
        ]
    )


def _averaging(groups: Sequence[Sequence[int] | NDArray[np.int64]], n_columns: int) -> sparse.csr_matrix:
    """The matrix, (n_groups, n_columns), whose product with vectors, (n_columns, dim), is the mean of each group."""
    sizes = np.array([len(group) for group in groups])
    weights = np.repeat(1 / sizes, sizes).astype(np.float32)
    places = np.concatenate([np.asarray(group) for group in groups])
    return sparse.csr_matrix((weights, places, np.concatenate([[0], np.cumsum(sizes)])), (len(groups), n_columns))


def _cosine(pairs: Floats, profiles: Floats) -> Scores:
    """Cosine of both texts of a trial with the profile, (n_trials, 2); 0 where a vector is zero."""
    products = np.einsum("npd,nd->np", pairs, profiles).astype(np.float64)
    lengths = np.linalg.norm(pairs, axis=2) * np.linalg.norm(profiles, axis=1)[:, None]
    return products / np.where(lengths > 0, lengths, 1)


def compared(scored: Scores, seed: int) -> Contrast:
    """Shares, areas and gains of the measures on the same trials of the same users."""
    figures = _Figures(scored, seed)
    return Contrast(figures.of(0), figures.of(1), figures.of(2), figures.gain(2, over=0), figures.gain(2, over=1))


def gain(scored: Scores, over: Scores, seed: int) -> Gain:
    """How much better one measure distinguishes than another on the same trials.

    Args:
        scored: (n_users, n_trials, 2) scores of the one.
        over: Scores of the other, of the same shape.
        seed: Seed of the bootstrap and the permutations.
    """
    return _Figures(np.stack([scored, over]), seed).gain(0, over=1)


class _Figures:
    """Shares and areas of all measures, over all users and over the same bootstrap samples of them."""

    def __init__(self, scored: Scores, seed: int) -> None:
        n_users = scored.shape[1]
        self._seed = seed
        self._found = shares_and_areas(scored, np.ones((1, n_users), np.float32))[..., 0]  # (share or area, measure)
        samples = [shares_and_areas(scored, weights) for weights in resampled(n_users, seed)]
        self._sampled = np.concatenate(samples, axis=2)
        self._won = [wins(of_measure) for of_measure in scored]

    def of(self, measure: int) -> Discrimination:
        """The figures of a measure."""
        share, auc = (estimate(self._found[kind, measure], self._sampled[kind, measure]) for kind in (0, 1))
        return Discrimination(share, auc)

    def gain(self, measure: int, over: int) -> Gain:
        """The figures of a measure minus those of another."""
        more = self._found[:, measure] - self._found[:, over]
        sampled = self._sampled[:, measure] - self._sampled[:, over]
        share, auc = (estimate(more[kind], sampled[kind]) for kind in (0, 1))
        return Gain(share, auc, permutation_test(self._won[measure] - self._won[over], self._seed))


def resampled(n_users: int, seed: int) -> Iterator[Floats]:
    """(n_samples, n_users) how often each user is in each bootstrap sample, some samples at once."""
    random, step = np.random.default_rng(seed), max(1, DRAWS_AT_ONCE // n_users)
    for start in range(0, DRAWS, step):
        drawn = random.integers(n_users, size=(min(step, DRAWS - start), n_users))
        places = drawn + np.arange(len(drawn))[:, None] * n_users
        yield np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float32)


def shares_and_areas(scored: Scores, weights: Floats) -> NDArray[np.float64]:
    """(2, n_measures, n_samples): share and area of each measure, users counted by each row of weights."""
    won = [weights @ wins(of_measure) / len(of_measure) for of_measure in scored]
    return np.array([won, [_areas(of_measure, weights) for of_measure in scored]])


def wins(scored: Scores) -> NDArray[np.float64]:
    """(n_users,) share of a user's trials in which the own text is nearer, by scores (n_users, n_trials, 2)."""
    own, foil = scored[..., 0], scored[..., 1]
    return ((own > foil) + 0.5 * (own == foil)).mean(axis=1)


def _areas(scored: Scores, weights: Floats) -> NDArray[np.float64]:
    """(n_samples,) the share of all pairs of an own text and a foil in which the own text scores higher."""
    return np.mean([_area(own, foil, weights) for own, foil in scored.transpose(1, 2, 0)], axis=0)


def _area(own: Scores, foil: Scores, weights: Floats) -> NDArray[np.float64]:
    """(n_samples,) that share for one trial per user: own (n_users,), foil (n_users,); ties count half."""
    order = np.argsort(foil)
    below = np.pad(np.cumsum(weights[:, order], axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    left, right = np.searchsorted(foil[order], own, "left"), np.searchsorted(foil[order], own, "right")
    return np.einsum("bn,bn->b", weights, (below[:, left] + below[:, right]) / 2) / len(own) ** 2


def estimate(figure: float, sampled: NDArray[np.float64]) -> Estimate:
    """A figure with the interval of its bootstrap samples."""
    low, high = np.quantile(sampled, [0.025, 0.975])
    return Estimate(float(figure), float(low), float(high))
