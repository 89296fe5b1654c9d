"""The most similar user, found without a text from after the request."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.worlds import DAY_MS, world

from unlike.data.corpus import Corpus
from unlike.embed.encoder import KnownVectors
from unlike.embed.hashing import HashingEncoder
from unlike.peers.neighbours import MeanNeighbours
from unlike.records import Case, Item, Record

ENCODER = HashingEncoder(64)
writings = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 4)),
    min_size=1,
    max_size=18,
    unique_by=lambda w: w[:2],
)


def nearest_by_hand(corpus, case, rule):
    def mean(records):
        return ENCODER.encode([record.text for record in records]).mean(axis=0)

    own = [record for record in corpus.records() if record.user_id == case.user_id and record.moment < case.moment]
    cosines = {}
    for user in corpus.users():
        texts = [r for r in corpus.records() if r.user_id == user and (rule == "paper" or r.timestamp < case.timestamp)]
        if user != case.user_id and texts and own:
            a, b = mean(texts), mean(own)
            cosines[user] = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    return cosines


@pytest.mark.parametrize("rule", ["as_of", "paper"])
@settings(max_examples=40, deadline=None)
@given(writings=writings, data=st.data())
def test_nearest_is_the_one_found_by_hand(rule, writings, data):
    corpus = world(writings, [data.draw(st.integers(0, len(writings) - 1))])
    case = corpus.cases("test")[0]
    found = MeanNeighbours(corpus, corpus.users(), ENCODER).nearest(case, rule)
    cosines = nearest_by_hand(corpus, case, rule)
    if not cosines:
        assert found is None
        return
    assert found.user_id != case.user_id
    assert cosines[found.user_id] == pytest.approx(max(cosines.values()), abs=1e-5)
    assert rule == "paper" or all(record.timestamp < case.timestamp for record in found.history)


def test_what_others_write_later_changes_nothing():
    def corpus(later):
        records = [
            Record("a1", "a", "i", "salt and sea and wool", timestamp=DAY_MS),
            Record("b1", "b", "i", "salt and sea", timestamp=DAY_MS),
            Record("c1", "c", "i", "a grumpy price!!", timestamp=DAY_MS),
            Record("c2", "c", "j", later, timestamp=3 * DAY_MS),
        ]
        return Corpus(records, [Item("i"), Item("j")])

    case = Case("x", "a", "i", 2 * DAY_MS)
    for later in ("something else", "salt and sea and wool " * 9):
        there = corpus(later)
        assert MeanNeighbours(there, there.users(), ENCODER).nearest(case, "as_of").user_id == "b"


def test_of_equally_near_users_the_first_is_found():
    """Equal but for the last bit, as where a matrix product rounds otherwise in another row; a user without words is none."""
    vectors = {"own": [0.6, 0.8], "empty": [0, 0], "first": [1, 0], "second": [1, 2e-7]}
    encoder = KnownVectors({text: np.array(vector, np.float32) for text, vector in vectors.items()})
    records = [Record(text, text, "i", text, timestamp=DAY_MS) for text in vectors]
    found = MeanNeighbours(Corpus(records, [Item("i")]), list(vectors), encoder)
    assert found.nearest(Case("x", "own", "i", 2 * DAY_MS), "as_of").user_id == "first"
