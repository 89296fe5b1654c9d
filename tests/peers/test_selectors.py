"""One contract for every selector, and equation 4 for K-means."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.peers.lloyd import kmeans
from unlike.peers.selectors import SELECTORS, KMeansSelector, open_selector
from unlike.records import Record


def record(name: str, text: str) -> Record:
    return Record(name, f"user-{name}", "item", text)


texts = st.lists(st.text(alphabet="abcdef ", min_size=1, max_size=20), min_size=1, max_size=12)


@pytest.mark.parametrize("name", SELECTORS)
@settings(deadline=None, max_examples=25)
@example(texts=["cbaacdcd"] * 3 + ["a"] * 3, k=4)
@given(texts=texts, k=st.integers(1, 5))
def test_representatives_are_distinct_peers_and_at_most_k(name, texts, k):
    target, *peers = [record(str(i), text) for i, text in enumerate(texts)]
    chosen = open_selector(name, HashingEncoder(32)).select(target, peers, k)
    assert len(chosen) <= min(k, len(peers))
    assert len({r.id for r in chosen}) == len(chosen)
    assert set(r.id for r in chosen) <= {p.id for p in peers}
    assert chosen == open_selector(name, HashingEncoder(32)).select(target, peers[::-1], k)


@pytest.mark.parametrize("name", ["random", "farthest"])
def test_the_ablations_always_use_what_there_is(name):
    target, *peers = [record(str(i), f"text {i}") for i in range(4)]
    assert len(open_selector(name, HashingEncoder(32)).select(target, peers, 5)) == 3


def test_each_representative_is_the_nearest_to_its_centroid_and_none_shares_the_targets_group():
    encoder, rng = HashingEncoder(64), np.random.default_rng(0)
    vocabulary = ["sea", "salt", "engine", "wool", "price", "song", "joint", "soup", "!", "grandchildren"]
    records = [record(f"{i:02}", " ".join(rng.choice(vocabulary, 12))) for i in range(40)]
    vectors = encoder.encode([r.text for r in records])
    fitted = KMeans(5, init=kmeans(vectors, 5, 0)[1], n_init=1).fit(vectors)  # from there it finds nothing better
    row = {r.id: i for i, r in enumerate(records)}
    selector = KMeansSelector(encoder)
    for target in records:
        chosen = selector.select(target, [r for r in records if r.id != target.id], 4)
        groups = [fitted.labels_[row[r.id]] for r in chosen]
        assert sorted([*groups, fitted.labels_[row[target.id]]]) == [0, 1, 2, 3, 4]
        for representative, group in zip(chosen, groups, strict=True):
            members = np.flatnonzero(fitted.labels_ == group)
            distances = np.linalg.norm(vectors[members] - fitted.cluster_centers_[group], axis=1)
            own = np.linalg.norm(vectors[row[representative.id]] - fitted.cluster_centers_[group])
            assert own == pytest.approx(distances.min(), abs=1e-6)


def test_one_clustering_serves_all_users_of_an_item():
    class Counting(HashingEncoder):
        n_calls = 0

        def encode(self, texts):
            Counting.n_calls += 1
            return super().encode(texts)

    records = [record(str(i), f"text number {i}") for i in range(9)]
    selector = KMeansSelector(Counting(32))
    for target in records:
        selector.select(target, [r for r in records if r.id != target.id], 4)
    assert Counting.n_calls == 1


def test_farthest_takes_the_least_similar():
    target, same, other = record("t", "salt and sea"), record("s", "salt and sea"), record("o", "grumpy price!!")
    assert open_selector("farthest", HashingEncoder()).select(target, [same, other], 1) == [other]


def test_the_only_group_is_compared_with_where_the_target_is_in_none():
    target, peer = record("t", "salt and sea"), record("p", "a grumpy price!!")
    assert open_selector("kmeans_assigned", HashingEncoder()).select(target, [peer], 4) == [peer]


@pytest.mark.parametrize("name", SELECTORS)
def test_nobody_to_compare_with(name):
    assert open_selector(name, HashingEncoder(8)).select(record("t", "a"), [], 4) == []


def test_unknown_name_lists_what_there_is():
    with pytest.raises(InputError, match="kmeans, kmeans_assigned, random, farthest"):
        open_selector("nearest", HashingEncoder(8))
