"""K-means as Lloyd's iterations after greedy k-means++ (Arthur and Vassilvitskii, 2007), in a few matrix products.

scikit-learn's K-means finds the same groups, but each call has milliseconds of overhead, and thousands of sets of about
ten texts are clustered here. All ten starts are iterated together. DPL's released code leaves their number to
scikit-learn, which makes ten up to version 1.3 and one since 1.4 (``n_init="auto"``).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Groups = NDArray[np.int64]

STARTS = 10
"""Number of random starts, of which the grouping with the smallest inertia is kept (scikit-learn's ``n_init``)."""
LARGE = 200_000
"""Minimum number of elements of a matrix whose product is worth all cores."""
MAX_ITERATIONS = 300
TOLERANCE = 1e-4
"""Converged when the centroids move by less than this share of the variance (scikit-learn's rule)."""


def kmeans(vectors: Floats, n_groups: int, seed: int, n_starts: int = STARTS) -> tuple[Groups, Floats]:
    """Group of each vector, and the centroids.

    Args:
        vectors: (n, d) float32, with at least ``n_groups`` different rows.
        n_groups: K.
        seed: Seed of the first centroids.
        n_starts: Number of random starts.

    Returns:
        Group of each vector, (n,), and means of the groups, (at most n_groups, d): empty groups, which vectors that
        hardly differ may leave, are removed.
    """
    starts = _first_centroids(vectors, n_groups, n_starts, np.random.default_rng(seed))
    groups = _best_groups(vectors, starts)
    used, groups = np.unique(groups, return_inverse=True)
    return groups, _means(vectors, groups[None], np.zeros((1, len(used), vectors.shape[1]), np.float32))[0]


def _best_groups(vectors: Floats, centroids: Floats) -> Groups:
    """The groups, (n,), with the smallest inertia after Lloyd's iterations from all starts, (starts, k, d)."""
    groups, inertia = _nearest(vectors, centroids)
    tolerance = TOLERANCE * float(vectors.var(axis=0).mean())
    moving = np.arange(len(centroids))
    for _ in range(MAX_ITERATIONS):
        before, old = centroids[moving], groups[moving]
        centroids[moving] = after = _means(vectors, old, before)
        groups[moving], inertia[moving] = new, _ = _nearest(vectors, after)
        moved = ((after - before) ** 2).sum(axis=(1, 2))
        moving = moving[(moved > tolerance) & (new != old).any(axis=1)]
        if not len(moving):
            break
    return groups[inertia.argmin()]


def _first_centroids(vectors: Floats, n_groups: int, n_starts: int, rng: np.random.Generator) -> Floats:
    """Greedy k-means++: of several vectors drawn by squared distance, take the one that lowers the inertia most.

    Returns:
        (n_starts, n_groups, d).
    """
    n_draws = 2 + int(np.log(n_groups))
    squared_norms = np.einsum("nd,nd->n", vectors, vectors)
    each = np.arange(n_starts)
    chosen = rng.integers(len(vectors), size=(n_starts, 1))
    distance = _squared_distances(vectors, squared_norms, chosen.T)[0]
    while chosen.shape[1] < n_groups:
        sums = np.cumsum(distance, axis=1)
        points = rng.random((n_starts, n_draws)) * sums[:, -1:]
        drawn = np.stack([np.searchsorted(*pair) for pair in zip(sums, points, strict=True)])
        drawn = drawn.clip(max=len(vectors) - 1)
        after = np.minimum(distance[:, None], _squared_distances(vectors, squared_norms, drawn))
        best = after.sum(axis=2).argmin(axis=1)
        chosen = np.column_stack([chosen, drawn[each, best]])
        distance = after[each, best]
    return vectors[chosen]


def _squared_distances(vectors: Floats, squared_norms: Floats, rows: Groups) -> Floats:
    """Squared distances, (starts, draws, n), of all vectors to those in ``rows``, (starts, draws)."""
    return np.maximum(squared_norms + squared_norms[rows][:, :, None] - 2 * _products(vectors[rows], vectors.T), 0)


def _nearest(vectors: Floats, centroids: Floats) -> tuple[Groups, NDArray[np.float64]]:
    """Group of each vector, (starts, n), and the inertia of each start, by |v - c|^2 without the common |v|^2."""
    distances = np.einsum("skd,skd->sk", centroids, centroids)[:, :, None] - 2 * _products(centroids, vectors.T)
    return distances.argmin(axis=1), distances.min(axis=1).sum(axis=1, dtype=np.float64)


def _means(vectors: Floats, groups: Groups, before: Floats) -> Floats:
    """Means of the groups, (starts, k, d); an empty group keeps its centroid."""
    belongs = (np.arange(before.shape[1])[:, None] == groups[:, None, :]).astype(np.float32)  # (starts, k, n)
    sizes = belongs.sum(axis=2)[:, :, None]
    return np.where(sizes > 0, _products(belongs, vectors) / np.maximum(sizes, 1), before)


def _products(rows: Floats, matrix: Floats) -> Floats:
    """(starts, k, a) rows times a matrix (a, b).

    Products of small matrices are computed start by start, each on one core: on a busy machine, waiting for other cores
    takes a hundred times as long. A large matrix is read once for all starts.
    """
    if matrix.size < LARGE:
        return rows @ matrix
    return (rows.reshape(-1, rows.shape[-1]) @ matrix).reshape(*rows.shape[:-1], -1)
