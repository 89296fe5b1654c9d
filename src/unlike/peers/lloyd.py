"""K-means as Lloyd's iterations after greedy k-means++ (Arthur and Vassilvitskii, 2007), in a few matrix products.

scikit-learn's K-means finds the same groups, but its set-up costs milliseconds, and here one clusters thousands of sets
of some ten texts.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MOST_ITERATIONS = 300
TOLERANCE = 1e-4
"""The centroids stand still when they move less than this share of the variance (scikit-learn's rule)."""


def kmeans(vectors: Floats, n_groups: int, seed: int) -> tuple[NDArray[np.int64], Floats]:
    """Group of each vector, and the centroids.

    Args:
        vectors: (n, d) float32, with at least ``n_groups`` different rows.
        n_groups: K.
        seed: Of the first centroids.

    Returns:
        (n,) groups; (at most n_groups, d) means of the groups: vectors that hardly differ may leave some empty, and
        these are not among them.
    """
    centroids = _first_centroids(vectors, n_groups, np.random.default_rng(seed))
    groups = _nearest(vectors, centroids)
    enough = TOLERANCE * float(vectors.var(axis=0).mean())
    for _ in range(MOST_ITERATIONS):
        before, centroids = centroids, _means(vectors, groups, centroids)
        groups, old = _nearest(vectors, centroids), groups
        if np.array_equal(groups, old) or float(((centroids - before) ** 2).sum()) <= enough:
            break
    used, groups = np.unique(groups, return_inverse=True)
    return groups, _means(vectors, groups, centroids[used])


def _first_centroids(vectors: Floats, n_groups: int, rng: np.random.Generator) -> Floats:
    """Greedy k-means++: of some vectors drawn by their squared distance, the one that lowers the sum most."""
    n_draws = 2 + int(np.log(n_groups))
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    chosen = [int(rng.integers(len(vectors)))]
    distance = _squared_distances(vectors, lengths, chosen)[0]
    while len(chosen) < n_groups:
        drawn = np.searchsorted(np.cumsum(distance), rng.random(n_draws) * distance.sum()).clip(max=len(vectors) - 1)
        after = np.minimum(distance, _squared_distances(vectors, lengths, drawn))
        best = int(after.sum(axis=1).argmin())
        chosen.append(int(drawn[best]))
        distance = after[best]
    return vectors[chosen].copy()


def _squared_distances(vectors: Floats, lengths: Floats, places: list[int] | NDArray[np.int64]) -> Floats:
    """(len(places), n) squared distances of all vectors to some of them."""
    products = vectors[places] @ vectors.T
    return np.maximum(lengths[None, :] + lengths[places][:, None] - 2 * products, 0)


def _nearest(vectors: Floats, centroids: Floats) -> NDArray[np.int64]:
    """|v - c|^2 without |v|^2, which is the same for every centroid."""
    return (np.einsum("kd,kd->k", centroids, centroids)[:, None] - 2 * (centroids @ vectors.T)).argmin(axis=0)


def _means(vectors: Floats, groups: NDArray[np.int64], before: Floats) -> Floats:
    """Means of the groups; while it is empty, a group stays where it was."""
    belongs = (np.arange(len(before))[:, None] == groups[None, :]).astype(np.float32)
    sizes = belongs.sum(axis=1)
    return np.where(sizes[:, None] > 0, (belongs @ vectors) / np.maximum(sizes, 1)[:, None], before)
