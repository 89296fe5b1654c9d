"""Controls of DPL: what each shows the LLM, and that no text of the user is in what is a stranger's."""

from dataclasses import replace

import pytest
from tests.worlds import Listening, kit_for, outcome_of, world

from unlike.errors import CallFailed
from unlike.methods.table import METHODS
from unlike.peers.neighbours import MeanNeighbours

# Users 0 to 3 write on items 0 to 3, users 4 to 7 on items 10 to 13; the case is user 0 on item 3.
WRITINGS = [
    (user, item + 10 * (user > 3), item * 10 + user) for item in range(4) for user in range(8) if (user, item) != (0, 3)
]
WRITINGS += [(0, 3, 99)]
CORPUS = world(WRITINGS, [len(WRITINGS) - 1])
(CASE,) = CORPUS.cases("test")


def shown(backend, step_words):
    """The prompts that hold some words."""
    prompts = ["\n".join(message["content"] for message in messages) for messages in backend.asked]
    return [prompt for prompt in prompts if step_words in prompt]


def outcome(method):
    backend = Listening()
    return outcome_of(METHODS[method], CASE, kit_for(CORPUS, backend, n_records=2, n_peers=2)), backend


def test_the_profile_of_a_stranger_stands_beside_the_user_s_own_records():
    made, backend = outcome("dpl_stranger")
    stranger = made.trace["profile_of"]
    assert stranger in ("u4", "u5", "u6", "u7")
    compared = shown(backend, "How does person A differ")
    assert len(compared) == 2 and all(f"by {stranger} on" in prompt and "by u0 on" not in prompt for prompt in compared)
    (last,) = shown(backend, "Write this review now")
    assert "by u0 on" in last and f"by {stranger} on" not in last and "How the person writes" in last


def test_peers_of_another_item_stand_beside_the_user_s_own_text():
    made, backend = outcome("dpl_other_item")
    compared = shown(backend, "How does person A differ")
    assert len(compared) == 2
    for prompt in compared:
        assert prompt.count("by u0 on i") == 2  # a text names its author twice
        assert all(f"by u{user} on" not in prompt for user in (1, 2, 3))
        assert any(f"by u{user} on i1" in prompt for user in (4, 5, 6, 7))
    assert {len(one["representatives"]) for one in made.trace["differences"]} == {2}


class Nobody:
    def select(self, target, peers, k):
        return []


@pytest.mark.parametrize("method", ["dpl", "dpl_stranger", "dpl_other_item"])
def test_a_comparison_with_nobody_is_not_asked_for(method):
    backend = Listening()
    kit = replace(kit_for(CORPUS, backend, n_records=2, n_peers=2), selector=Nobody())
    assert outcome_of(METHODS[method], CASE, kit).trace["differences"] == []
    assert shown(backend, "How does person A differ") == []


@pytest.mark.parametrize("method", ["dpl_stranger", "dpl_other_item"])
def test_without_any_other_user_the_case_fails_with_a_reason(method):
    alone = world([(0, 0, 1), (0, 1, 2)], [1])
    with pytest.raises(CallFailed, match="no other user has a record before the case"):
        outcome_of(METHODS[method], alone.cases("test")[0], kit_for(alone))


def test_a_stranger_shares_no_item_has_enough_records_and_is_always_the_same():
    neighbours = MeanNeighbours(CORPUS, CORPUS.users(), None)
    found = neighbours.stranger(CASE, 3, "as_of")
    assert found.user_id in ("u4", "u5", "u6", "u7") and len(found.history) >= 3
    assert neighbours.stranger(CASE, 3, "as_of") == found
    assert all(record.timestamp < CASE.timestamp for record in found.history)


def test_where_all_share_items_the_stranger_shares_the_fewest():
    few = world([(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4), (2, 1, 5), (2, 2, 6), (0, 3, 9)], [6])
    assert MeanNeighbours(few, few.users(), None).stranger(few.cases("test")[0], 2, "as_of").user_id == "u2"
