"""Whom a record is compared with, by one clustering for everybody."""

from hypothesis import given
from hypothesis import strategies as st

from tests.memory.town import row
from unlike.memory.representatives import (
    MAX_MEASURED,
    Against,
    against,
    clustered_set,
    digest_of,
)
from unlike.memory.settings import MemorySettings
from unlike.settings import MethodSettings
from unlike.store.clusterings import StoredClustering
from unlike.store.differences import NewDifference, StoredDifference
from unlike.store.records import Stored

GROUPS = StoredClustering(7, "", ((1, 2), (3, 4, 5), (6,), (7, 8, 9)))
OPEN = MemorySettings(method=MethodSettings(n_peers=2), min_peers=2)
PRIVATE = MemorySettings(method=MethodSettings(n_peers=2), min_peers=2, private=True)


def stored(number, user):
    record = row(str(user), id=f"r{number}").record
    return Stored(number, user, 1, record)


def difference(peers, clustering=7, stale=False):
    return StoredDifference(1, stale, NewDifference(1, tuple(peers), clustering, "text", 9, "made"))


def test_the_most_central_of_the_largest_other_groups():
    assert against(GROUPS, 1, 0, OPEN) == Against(7, 8, peers=(3, 7))
    assert against(GROUPS, 3, 1, OPEN) == Against(7, 8, peers=(7, 1))


def test_a_later_record_of_the_same_user_represents_nobody_to_that_user():
    assert against(GROUPS, 3, 0, OPEN) == Against(7, 8, peers=(7, 4))
    assert against(GROUPS, 6, 0, OPEN.__class__(method=MethodSettings(n_peers=9))) == Against(7, 8, peers=(3, 7))


def test_who_is_not_clustered_has_all_members_for_peers():
    assert against(GROUPS, None, 2, OPEN) == Against(7, 9, peers=(3, 7))


def test_too_few_others_are_nobody():
    alone = StoredClustering(1, "", ((1,),))
    assert against(alone, 1, 0, OPEN) is None
    assert against(alone, None, 0, MemorySettings(min_peers=1)) is None  # nobody in another group
    pair = StoredClustering(1, "", ((1,), (2,)))
    assert against(pair, 1, 0, OPEN) is None
    assert against(pair, 1, 0, MemorySettings(min_peers=1)) == Against(1, 1, peers=(2,))


def test_in_private_only_groups_of_enough_people_are_measured():
    assert against(GROUPS, 1, 0, PRIVATE) == Against(7, 8, groups=((3, 4, 5), (7, 8, 9)))
    assert against(GROUPS, 7, 3, PRIVATE) == Against(7, 8, groups=((3, 4, 5), (1, 2)))
    assert against(GROUPS, 2, 3, PRIVATE) == Against(7, 8, groups=((3, 4, 5),))  # one of two is the user's own


def test_in_private_small_groups_are_measured_together_or_not_at_all():
    small = StoredClustering(1, "", ((1, 2), (3,), (4,)))
    assert against(small, 1, 0, PRIVATE) == Against(1, 3, groups=((3, 4, 2),))
    pair = StoredClustering(1, "", ((1,), (2,)))
    assert against(pair, 1, 0, PRIVATE) is None
    assert against(pair, 1, 0, MemorySettings(min_peers=1, private=True)) is None  # figures of one are that one's


def test_in_private_a_large_group_is_measured_in_its_middle():
    crowd = StoredClustering(1, "", (tuple(range(1, 5)), tuple(range(100, 100 + 3 * MAX_MEASURED))))
    found = against(crowd, 1, 0, PRIVATE)
    assert found is not None
    assert found.groups == (tuple(range(100, 100 + MAX_MEASURED)),)
    assert found.n_peers == 3 + 3 * MAX_MEASURED


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    own=st.integers(0, 40),
    k=st.integers(1, 5),
    fewest=st.integers(1, 4),
    private=st.booleans(),
    data=st.data(),
)
def test_nobody_is_compared_with_oneself_or_ones_own_group(sizes, own, k, fewest, private, data):
    numbers = iter(range(100))
    groups = tuple(tuple(next(numbers) for _ in range(size)) for size in sizes)
    clustering = StoredClustering(1, "", groups)
    home = clustering.group_of.get(own, data.draw(st.integers(0, len(groups) - 1)))
    mine = own if own in clustering.group_of else None
    settings = MemorySettings(method=MethodSettings(n_peers=k), min_peers=fewest, private=private)
    found = against(clustering, mine, home, settings)
    if found is None:
        return
    everybody = {number for group in groups for number in group} - {mine}
    shown = [*found.peers, *(number for group in found.groups for number in group)]
    assert found.n_peers == len(everybody) >= fewest
    assert set(shown) <= everybody
    assert len(set(shown)) == len(shown)
    assert len(found.peers) <= k
    assert not set(found.peers) & set(groups[home])
    assert all(len(group) >= max(2, fewest) for group in found.groups)
    assert bool(found.groups) is private


def test_texts_give_the_same_difference_while_they_are_there_and_figures_only_in_one_clustering():
    texts, numbers = Against(8, 9, peers=(3, 7)), Against(8, 9, groups=((3, 4), (7, 8)))
    assert texts.gave(difference((7, 3)))
    assert not texts.gave(difference((3, 7), stale=True))
    assert not texts.gave(difference((3, 6)))
    assert not texts.gave(None)
    assert numbers.gave(difference((), clustering=8))
    assert not numbers.gave(difference((), clustering=7))
    assert not numbers.gave(difference((3, 7), clustering=8))
    assert not texts.gave(difference((), clustering=8))


def test_each_user_is_clustered_once_with_the_latest_record():
    records = [stored(3, 1), stored(1, 2), stored(2, 1)]
    assert [one.number for one in clustered_set(records)] == [1, 2]


def test_a_clustering_is_made_again_for_another_set_number_seed_or_encoder():
    records = [stored(1, 1), stored(2, 2)]
    same = digest_of(records, 5, 0, "minilm")
    others = [(records[:1], 5, 0, "minilm"), (records, 4, 0, "minilm"), (records, 5, 1, "minilm"), (records, 5, 0, "x")]
    assert digest_of(records, 5, 0, "minilm") == same
    assert same not in {digest_of(*other) for other in others}
