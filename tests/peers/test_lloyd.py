"""Our K-means finds groups as tight as scikit-learn's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from unlike.peers.lloyd import STARTS, kmeans


def texts(n, n_topics=8, d=48, seed=0):
    """Unit vectors around some topics."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) + 3 * rng.normal(size=(n_topics, d))[rng.integers(n_topics, size=n)]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def inertia(vectors, groups, centroids):
    return float(((vectors - centroids[groups]) ** 2).sum())


def test_the_mean_inertia_is_that_of_scikit_learn():
    ours, theirs = [], []
    for seed in range(60):
        vectors = texts(12 + 3 * seed, seed=seed)
        ours.append(inertia(vectors, *kmeans(vectors, 5, seed)))
        theirs.append(KMeans(5, random_state=seed, n_init=STARTS).fit(vectors).inertia_)
    assert np.mean(ours) <= 1.01 * np.mean(theirs)


def test_of_several_starts_the_tightest_grouping_is_taken():
    few, many = (
        [inertia(texts(40, seed=seed), *kmeans(texts(40, seed=seed), 5, 0, n)) for seed in range(20)] for n in (1, 10)
    )
    assert all(after <= before * (1 + 1e-5) for before, after in zip(few, many, strict=True))
    assert np.mean(many) < 0.99 * np.mean(few)


def test_groups_that_lie_apart_are_found():
    vectors = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0) + texts(20, d=4) * 0.05
    groups, _ = kmeans(vectors, 4, seed=3)
    assert len({tuple(groups[first : first + 5]) for first in range(0, 20, 5)}) == 4
    assert all(len(set(groups[first : first + 5])) == 1 for first in range(0, 20, 5))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 5))
def test_every_vector_is_in_the_group_whose_mean_is_nearest(n, k, seed):
    vectors = texts(n, seed=seed)
    groups, centroids = kmeans(vectors, min(k, n), seed)
    assert groups.shape == (n,)
    assert 1 <= len(centroids) <= min(k, n)
    for group in set(groups.tolist()):
        np.testing.assert_allclose(centroids[group], vectors[groups == group].mean(axis=0), atol=1e-5)


def test_no_group_is_empty_where_vectors_hardly_differ():
    vectors = np.full((6, 16), 0.25, np.float32)
    vectors[1:] += np.float32(1e-8) * np.arange(1, 6, dtype=np.float32)[:, None]
    groups, centroids = kmeans(vectors, 4, seed=0)
    assert set(groups.tolist()) == set(range(len(centroids)))


def test_the_same_seed_gives_the_same_groups():
    vectors = texts(50)
    assert np.array_equal(kmeans(vectors, 5, 1)[0], kmeans(vectors, 5, 1)[0])
