"""Distinct-n, length and leakage: what is measured without or beside the real text."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.evaluate.metrics.sanity import cut_to_equal, distinct_1, distinct_2, leakage, length_ratio
from unlike.language import first_words, pieces, words

texts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(["a", "b", "B!", "don't"]), max_size=20).map(" ".join))


def test_distinct():
    assert distinct_1(["a b a b", "A a", ""]) == [0.5, 0.5, 0.0]
    assert distinct_2(["a b a b", "one", "a b c"]) == pytest.approx([2 / 3, 0.0, 1.0])


@given(texts)
def test_distinct_bounds(text):
    assert 0.0 <= distinct_1([text])[0] <= 1.0
    assert 0.0 <= distinct_2([text])[0] <= 1.0


def test_length_ratio():
    assert length_ratio(["one two three", "one", ""], ["one two", "", "x"]) == [1.5, 1.0, 0.0]


def test_cut_to_equal_takes_the_shortest_and_never_more_than_the_real_text():
    assert cut_to_equal(["a  b c, d", "e f g"], "one two three four") == ["a  b c,", "e f g"]
    assert cut_to_equal(["a b c", "d e f g"], "one two") == ["a b", "d e"]


def test_an_empty_text_does_not_empty_the_others():
    assert cut_to_equal(["", "a b c"], "one two") == ["", "a b"]
    assert cut_to_equal(["", " "], "") == ["", " "]


@given(texts, st.integers(1, 30))
def test_cut_keeps_a_beginning(text, n_words):
    assert text.startswith(first_words(text, n_words))
    assert pieces(first_words(text, n_words)) == pieces(text)[:n_words]


def test_leakage_is_the_longest_run_shared_with_one_peer():
    peers = ["It hums, and it doesn't stop humming.", "Never stop"]
    assert leakage(["I say: it DOESN'T stop; never mind"], [peers]) == [3.0]
    assert leakage(["", "text"], [peers, []]) == [0.0, 0.0]


def test_leakage_does_not_join_two_peers():
    assert leakage(["a b c d"], [["a b", "c d"]]) == [2.0]


@given(texts, texts)
def test_leakage_equal_to_trying_all_runs(text, peer):
    own, theirs = words(text), f" {' '.join(words(peer))} "
    runs = [own[start:end] for start in range(len(own)) for end in range(start + 1, len(own) + 1)]
    longest = max((len(run) for run in runs if f" {' '.join(run)} " in theirs), default=0)
    assert leakage([text], [[peer]]) == [float(longest)]


def test_leakage_of_long_texts_takes_memory_as_they_do():
    text = " ".join(f"word{n % 7_000}" for n in range(20_000))
    tracemalloc.start()
    try:
        assert leakage([text, "so " * 20_000], [[text], ["so " * 15_000]]) == [20_000.0, 15_000.0]
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
