"""K-means as Lloyd's iterations after greedy k-means++ (Arthur and Vassilvitskii, 2007), in a few matrix products.

scikit-learn's K-means finds the same groups, but its set-up costs milliseconds, and here one clusters thousands of sets
of some ten texts. Ten starts are made, and all of them move at once. DPL's released code leaves their number to
scikit-learn, which makes ten up to version 1.3 and one since 1.4 (``n_init="auto"``).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Groups = NDArray[np.int64]

STARTS = 10
"""Number of random starts, of which the tightest grouping is kept (scikit-learn's ``n_init``)."""
LARGE = 200_000
"""Numbers in a matrix that is worth all cores."""
MOST_ITERATIONS = 300
TOLERANCE = 1e-4
"""The centroids stand still when they move less than this share of the variance (scikit-learn's rule)."""


def kmeans(vectors: Floats, n_groups: int, seed: int, n_starts: int = STARTS) -> tuple[Groups, Floats]:
    """Group of each vector, and the centroids.

    Args:
        vectors: (n, d) float32, with at least ``n_groups`` different rows.
        n_groups: K.
        seed: Of the first centroids.
        n_starts: Groupings to choose from.

    Returns:
        (n,) groups; (at most n_groups, d) means of the groups: vectors that hardly differ may leave some empty, and
        these are not among them.
    """
    starts = _first_centroids(vectors, n_groups, n_starts, np.random.default_rng(seed))
    groups = _tightest(vectors, starts)
    used, groups = np.unique(groups, return_inverse=True)
    return groups, _means(vectors, groups[None], np.zeros((1, len(used), vectors.shape[1]), np.float32))[0]


def _tightest(vectors: Floats, centroids: Floats) -> Groups:
    """Lloyd's iterations from all starts, (starts, k, d), at once; the groups, (n,), with the smallest inertia."""
    groups, spread = _nearest(vectors, centroids)
    enough = TOLERANCE * float(vectors.var(axis=0).mean())
    moving = np.arange(len(centroids))
    for _ in range(MOST_ITERATIONS):
        before, old = centroids[moving], groups[moving]
        centroids[moving] = after = _means(vectors, old, before)
        groups[moving], spread[moving] = new, _ = _nearest(vectors, after)
        moved = ((after - before) ** 2).sum(axis=(1, 2))
        moving = moving[(moved > enough) & (new != old).any(axis=1)]
        if not len(moving):
            break
    return groups[spread.argmin()]


def _first_centroids(vectors: Floats, n_groups: int, n_starts: int, rng: np.random.Generator) -> Floats:
    """Greedy k-means++: of some vectors drawn by their squared distance, the one that lowers the sum most.

    Returns:
        (n_starts, n_groups, d).
    """
    n_draws = 2 + int(np.log(n_groups))
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    each = np.arange(n_starts)
    chosen = rng.integers(len(vectors), size=(n_starts, 1))
    distance = _squared_distances(vectors, lengths, chosen.T)[0]
    while chosen.shape[1] < n_groups:
        sums = np.cumsum(distance, axis=1)
        points = rng.random((n_starts, n_draws)) * sums[:, -1:]
        drawn = np.stack([np.searchsorted(*pair) for pair in zip(sums, points, strict=True)])
        drawn = drawn.clip(max=len(vectors) - 1)
        after = np.minimum(distance[:, None], _squared_distances(vectors, lengths, drawn))
        best = after.sum(axis=2).argmin(axis=1)
        chosen = np.column_stack([chosen, drawn[each, best]])
        distance = after[each, best]
    return vectors[chosen]


def _squared_distances(vectors: Floats, lengths: Floats, places: Groups) -> Floats:
    """(starts, draws, n) squared distances of all vectors to some of them, whose places are (starts, draws)."""
    return np.maximum(lengths + lengths[places][:, :, None] - 2 * _products(vectors[places], vectors.T), 0)


def _nearest(vectors: Floats, centroids: Floats) -> tuple[Groups, NDArray[np.float64]]:
    """Group of each vector, (starts, n), and the inertia of each start, by |v - c|^2 without the common |v|^2."""
    distances = np.einsum("skd,skd->sk", centroids, centroids)[:, :, None] - 2 * _products(centroids, vectors.T)
    return distances.argmin(axis=1), distances.min(axis=1).sum(axis=1, dtype=np.float64)


def _means(vectors: Floats, groups: Groups, before: Floats) -> Floats:
    """Means of the groups, (starts, k, d); while it is empty, a group stays where it was."""
    belongs = (np.arange(before.shape[1])[:, None] == groups[:, None, :]).astype(np.float32)  # (starts, k, n)
    sizes = belongs.sum(axis=2)[:, :, None]
    return np.where(sizes > 0, _products(belongs, vectors) / np.maximum(sizes, 1), before)


def _products(rows: Floats, matrix: Floats) -> Floats:
    """(starts, k, a) rows times a matrix (a, b).

    With few texts each start's product is made alone: it is so small that one core does it, and waiting for the others
    takes a hundred times as long on a busy machine. A large matrix is better read once for all starts.
    """
    if matrix.size < LARGE:
        return rows @ matrix
    return (rows.reshape(-1, rows.shape[-1]) @ matrix).reshape(*rows.shape[:-1], -1)
