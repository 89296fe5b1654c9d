"""Equation 4 on clusterings that are given, and the choice of records without any request."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unlike.peers.representatives import cluster, nearest_group, representatives
from unlike.records import Record

GROUPS = ((3, 4, 5), (7, 8, 9), (1, 2), (6,))


def test_the_most_central_of_the_largest_other_groups():
    assert representatives(GROUPS, 0, 2) == [7, 1]
    assert representatives(GROUPS, 2, 9) == [3, 7, 6]


def test_another_record_of_the_same_user_stands_for_nobody():
    assert representatives(GROUPS, 2, 2, own=3) == [7, 4]
    assert representatives(GROUPS, 2, 9, own=6) == [3, 7]


def test_a_record_that_is_not_clustered_counts_to_the_group_with_the_nearest_mean():
    vectors = {1: [1.0, 0.0], 2: [0.0, 1.0], 3: [-1.0, 0.0]}
    arrays = {number: np.array(vector, np.float32) for number, vector in vectors.items()}
    assert nearest_group(((1, 2), (3,)), arrays, np.array([0.4, 0.0], np.float32)) == 0
    assert nearest_group(((1, 2), (3,)), arrays, np.array([-0.4, 0.0], np.float32)) == 1


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0]), min_size=1, max_size=12), st.integers(1, 5))
def test_groups_are_a_partition_the_largest_first_and_none_is_empty(places, n_groups):
    records = [Record(f"{i:02}", f"u{i}", "item", "") for i in range(len(places))]
    vectors = np.array([[place, 1.0] for place in places], np.float32)
    groups = cluster(records, vectors, n_groups, 0).groups
    assert sorted(record_id for group in groups for record_id in group) == [record.id for record in records]
    assert all(groups) and len(groups) <= n_groups or len(set(places)) <= n_groups
    assert [len(group) for group in groups] == sorted((len(group) for group in groups), reverse=True)
