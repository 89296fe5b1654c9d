"""Equations 2 to 4: whose vectors, and how a record differs from others'."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import world
from unlike.embed.hashing import HashingEncoder
from unlike.latent.difference import Differences, difference, profile_weighted

ENCODER = HashingEncoder(16)


def test_equation_4_by_hand():
    own, others = np.array([1.0, 0.0], np.float32), np.array([[0.0, 1.0], [0.5, -1.0]], np.float32)
    assert difference(own, others).tolist() == [0.75, 0.0]


def test_the_released_weights_by_hand():
    own, others = np.zeros(1, np.float32), np.array([[1.0], [2.0]], np.float32)
    # Distances 3 and 1, divided by their sum: 3/4 and 1/4; softmax weights e^.75 and e^.25 over their sum.
    weights = np.exp([0.75, 0.25]) / np.exp([0.75, 0.25]).sum()
    found = profile_weighted(own, others, np.zeros(1, np.float32), np.array([[3.0], [-1.0]], np.float32))
    assert found[0] == pytest.approx(-(weights[0] + 2 * weights[1]), rel=1e-6)


@given(st.permutations(range(5)))
def test_the_order_of_peers_changes_nothing(order):
    draw = np.random.default_rng(3)
    own, others, means = (draw.normal(size=shape).astype(np.float32) for shape in ((4,), (5, 4), (5, 4)))
    np.testing.assert_allclose(difference(own, others[order]), difference(own, others), atol=1e-6)
    mixed = profile_weighted(own, others[order], own, means[order])
    np.testing.assert_allclose(mixed, profile_weighted(own, others, own, means), atol=1e-6)


def test_text_and_vector_are_of_the_same_record(crowd):
    case = crowd.cases("test")[0]
    past = crowd.history(case.user_id, case.moment)
    found = Differences(crowd, ENCODER).of(case, past)
    assert found.record_ids == tuple(record.id for record in past)
    np.testing.assert_allclose(found.his, ENCODER.encode([record.text for record in past]), atol=1e-6)
    for place, record in enumerate(past):
        others = [peer for peer in crowd.peers(record.item_id, case.timestamp) if peer.user_id != case.user_id]
        assert set(found.peer_ids[place]) == {peer.id for peer in others}
        if others:
            plain = found.his[place] - ENCODER.encode([peer.text for peer in others]).mean(axis=0)
            np.testing.assert_allclose(found.diff[place], plain, atol=1e-6)


def test_a_record_nobody_else_wrote_on_has_no_difference(crowd):
    case = crowd.cases("test")[0]
    found = Differences(crowd, ENCODER).of(case, crowd.history(case.user_id, case.moment))
    assert found.n_peers.tolist() == [3, 3, 3, 0]
    assert not found.diff[-1].any()


def test_only_texts_from_before_the_request_count_unless_the_paper_s_rule_is_asked_for():
    late = world([(0, 0, 1), (1, 0, 2), (2, 0, 9), (0, 1, 5)], targets=[3])
    case = late.cases("test")[0]
    past = late.history("u0", case.moment)
    assert Differences(late, ENCODER).of(case, past).peer_ids == (("r001",),)
    assert Differences(late, ENCODER, time_rule="paper").of(case, past).peer_ids == (("r001", "r002"),)


def test_below_the_minimum_of_peers_there_is_no_difference(crowd):
    case = crowd.cases("test")[0]
    past = crowd.history(case.user_id, case.moment)
    few, enough = (Differences(crowd, ENCODER, min_peers=n).of(case, past) for n in (4, 3))
    assert few.n_peers.tolist() == [0, 0, 0, 0]
    assert not few.diff.any() and few.peer_ids == ((), (), (), ())
    np.testing.assert_array_equal(enough.diff, Differences(crowd, ENCODER).of(case, past).diff)


def test_a_difference_may_be_to_selected_peers(crowd):
    case = crowd.cases("test")[0]
    past = crowd.history(case.user_id, case.moment)
    found = Differences(crowd, ENCODER, select=lambda record, peers: peers[1:]).of(case, past)
    assert found.n_peers.tolist() == [2, 2, 2, 0]
    others = ENCODER.encode([crowd.record(name).text for name in found.peer_ids[0]])
    np.testing.assert_allclose(found.diff[0], found.his[0] - others.mean(axis=0), atol=1e-6)


def test_the_minimum_of_peers_counts_those_that_are_selected(crowd):
    case = crowd.cases("test")[0]
    past = crowd.history(case.user_id, case.moment)
    found = Differences(crowd, ENCODER, min_peers=2, select=lambda record, peers: peers[:1]).of(case, past)
    assert not found.diff.any() and found.peer_ids == ((), (), (), ())


@pytest.mark.parametrize("time_rule", ["as_of", "paper"])
def test_a_peer_who_wrote_nothing_before_the_request_has_a_mean_in_both_time_rules(time_rule):
    late = world([(0, 0, 1), (1, 0, 9), (2, 0, 2), (0, 1, 5)], targets=[3])
    case = late.cases("test")[0]
    past = late.history("u0", case.moment)
    found = Differences(late, ENCODER, "profile_weighted", time_rule).of(case, past)
    assert found.n_peers.tolist() == [{"as_of": 1, "paper": 2}[time_rule]]
    assert np.isfinite(found.diff).all() and found.diff.any()


def test_a_text_of_the_same_moment_is_not_in_a_peers_mean():
    def found(*same_moment):
        there = world([(0, 0, 1), (1, 0, 2), (2, 0, 2), *same_moment, (0, 1, 5)], targets=[3 + len(same_moment)])
        case = there.cases("test")[0]
        past = there.history("u0", case.moment)
        return Differences(there, ENCODER, "profile_weighted").of(case, past).diff

    np.testing.assert_array_equal(found((1, 2, 5)), found())


@pytest.mark.parametrize(("split", "included"), [("train", True), ("test", False)])
def test_the_own_mean_includes_the_text_that_is_trained_on_as_released_and_never_a_tested_one(split, included):
    there = world([(0, 0, 1), (1, 0, 2), (1, 1, 3), (2, 0, 2), (0, 1, 5), (0, 2, 6)], targets=[4])
    case = replace(there.cases("test")[0], split=split)
    past = there.history("u0", case.moment)
    found = Differences(there, ENCODER, "profile_weighted", "paper").of(case, past)
    texts = {user: [record.text for record in there.records() if record.user_id == user] for user in ("u0", "u1", "u2")}
    means = {user: ENCODER.encode(texts[user]).mean(axis=0) for user in ("u1", "u2")}
    own = ENCODER.encode(texts["u0"][: 1 + included]).mean(axis=0)
    others = ENCODER.encode([there.record(id_).text for id_ in found.peer_ids[0]])
    expected = profile_weighted(found.his[0], others, own, np.stack([means["u1"], means["u2"]]))
    np.testing.assert_allclose(found.diff[0], expected, atol=1e-6)


def test_both_weightings_by_name_are_near_each_other(crowd):
    case = crowd.cases("test")[1]
    past = crowd.history(case.user_id, case.moment)
    mean, weighted = (Differences(crowd, ENCODER, name).of(case, past).diff for name in ("mean", "profile_weighted"))
    assert not np.array_equal(mean, weighted)
    np.testing.assert_allclose(mean, weighted, atol=0.1)


def test_no_records_are_no_vectors(crowd):
    case = crowd.cases("test")[0]
    found = Differences(crowd, ENCODER).of(case, [])
    assert found.record_ids == ()
    assert len(found.his) == len(found.diff) == 0


def test_released_compares_with_the_test_profiles_without_their_last_two_records_whenever_written():
    writings = [(0, item, item) for item in range(5)] + [(1, item, 8 + item) for item in range(5)] + [(2, 0, 1)]
    there = world(writings, targets=[4, 9])
    case = replace(there.cases("test")[0], split="train")
    found = Differences(there, ENCODER, "profile_weighted", "released").of(case, there.history("u0", case.moment))
    assert found.peer_ids == (("r005",), ("r006",), (), ())
    # One peer has all the weight; the means of both are over one record more than the pool has.
    np.testing.assert_allclose(found.diff[0], found.his[0] - ENCODER.encode([there.record("r005").text])[0], atol=1e-6)
    texts = [record.text for record in there.history("u0", case.moment)[:-1]]
    own = Differences(there, ENCODER, "profile_weighted", "released")._own_mean(case)
    np.testing.assert_allclose(own, ENCODER.encode(texts).mean(axis=0), atol=1e-6)


def test_a_user_who_is_left_out_is_nobody_s_peer():
    few = world([(0, 0, 1), (1, 1, 2), (2, 1, 3), (0, 1, 10)], [3])
    (case,) = few.cases("test")
    theirs = few.history("u1", case.moment)
    stranger = Differences(few, ENCODER, time_rule="paper").of(replace(case, user_id="u1"), theirs, left_out="u0")
    assert stranger.peer_ids == (("r002",),)  # not r003, which is held out
