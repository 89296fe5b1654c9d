"""K-means of 10,000 vectors of 1,024 coordinates against scikit-learn's, with as many starts."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.row import Row

if TYPE_CHECKING:
    from unlike.peers.lloyd import Floats, Groups

N_VECTORS, DIM, N_TOPICS = 10_000, 1024, 8
REACH = 3.0
WITHIN = 1.01


def main(quick: bool = False) -> list[Row]:
    """As DPL groups the texts on an item (five groups, ten starts), and many groups from one start."""
    vectors = _vectors(1000 if quick else N_VECTORS)
    return [_row(vectors, n_groups=5, n_starts=10), _row(vectors, n_groups=64, n_starts=1)]


def _row(vectors: "Floats", n_groups: int, n_starts: int) -> Row:
    from sklearn.cluster import KMeans

    from unlike.peers.lloyd import kmeans

    def theirs() -> "tuple[Groups, Floats]":
        found = KMeans(n_groups, n_init=n_starts, random_state=0).fit(vectors)
        return found.labels_, found.cluster_centers_

    our_s, ours = _timed(vectors, lambda: kmeans(vectors, n_groups, 0, n_starts))
    their_s, reference = _timed(vectors, theirs)
    assert ours <= WITHIN * reference, f"inertia {ours} is not within 1 % of {reference}"
    return Row(
        what=f"K-means of {len(vectors):,} x {DIM:,}, {n_groups} groups, starts: {n_starts}",
        against="scikit-learn",
        value=their_s / our_s,
        reach=REACH,
        facts={"s": round(our_s, 2), "their_s": round(their_s, 2), "inertia_of_theirs": round(ours / reference, 4)},
    )


def _timed(vectors: "Floats", work: "Callable[[], tuple[Groups, Floats]]") -> tuple[float, float]:
    """Seconds, and the inertia of what was found."""
    started = time.perf_counter()
    groups, centroids = work()
    seconds = time.perf_counter() - started
    return seconds, float(((vectors - centroids[groups]) ** 2).sum())


def _vectors(n: int) -> "Floats":
    """Unit vectors around some topics."""
    import numpy as np

    rng = np.random.default_rng(0)
    topics = 3 * rng.normal(size=(N_TOPICS, DIM)).astype(np.float32)
    rows = rng.normal(size=(n, DIM)).astype(np.float32) + topics[rng.integers(N_TOPICS, size=n)]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
