"""Eight words of a peer said again are found, whatever their case and punctuation, and nothing else is."""

import gc
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.errors import InputError
from unlike.privacy.repeats import repeats

PEER = "I was nineteen when I first slept above a diesel, and I've never slept so well since."
FEW = st.lists(st.sampled_from(["fog", "hums", "low", "and", "slow"]), max_size=25).map(" ".join)


def test_a_run_as_it_stands_in_the_text():
    text = "Like him: “i WAS nineteen — when I first, slept above a DIESEL” (once)."
    assert repeats(text, [PEER]) == ["i WAS nineteen — when I first, slept above a DIESEL"]


def test_seven_words_are_no_repeat_and_eight_are():
    assert repeats("nineteen when I first slept above a ferry", [PEER]) == []
    assert repeats("nineteen when I first slept above a diesel", [PEER]) != []
    assert repeats("I first slept", [PEER], n_words=3) == ["I first slept"]


def test_longest_first_and_none_overlap():
    text = "never slept so well. Then: I was nineteen when I first slept"
    assert repeats(text, [PEER], n_words=4) == ["I was nineteen when I first slept", "never slept so well"]


def test_no_run_goes_from_one_peer_to_the_next():
    assert repeats("one two three four five six seven eight", ["one two three four", "five six seven eight"]) == []


def test_apostrophes_accents_and_width_do_not_hide_a_repeat():
    assert repeats("i’ve never slept", ["I'VE never slept"], 3) == ["i’ve never slept"]
    assert repeats("CAFE\u0301 du port STRASSE", ["café du port straße"], 4) == ["CAFE\u0301 du port STRASSE"]
    assert repeats("ｆｏｇ hums", ["fog hums"], 2) == ["ｆｏｇ hums"]


def test_scripts_without_spaces_count_by_character():
    assert repeats("彼は雨の中で歌を歌った。", ["雨の中で歌を歌う"]) == []
    assert repeats("彼は雨の中で歌を歌った。", ["きっと雨の中で歌を歌ったのだ"]) == ["雨の中で歌を歌った"]


@pytest.mark.parametrize(("text", "others"), [("", [PEER]), (PEER, []), (PEER, [""]), ("...", ["..."])])
def test_nothing_to_repeat(text, others):
    assert repeats(text, others) == []


@given(FEW, st.lists(FEW, max_size=3), st.integers(1, 4))
def test_a_word_is_in_a_run_just_if_it_is_in_a_repeated_ngram(text, others, n):
    words = text.split()
    theirs = [f" {other} " for other in others]
    covered = set()
    for start in range(len(words) - n + 1):
        if any(f" {' '.join(words[start : start + n])} " in other for other in theirs):
            covered |= set(range(start, start + n))
    runs = repeats(text, others, n)
    lengths = [len(run.split()) for run in runs]
    assert sum(lengths) == len(covered)
    assert lengths == sorted(lengths, reverse=True)
    assert all(length >= n for length in lengths)
    assert all(run in text for run in runs)


@given(st.text(max_size=60))
def test_a_text_repeats_itself_from_its_first_word_to_its_last(text):
    found = repeats(text, [text], n_words=1)
    assert all(run in text for run in found)
    assert bool(found) >= bool(re.search(r"[^\W_]", text))


def test_time_grows_with_the_length_and_not_with_its_square():
    def seconds(n_words):
        text = "fog " * n_words
        gc.disable()  # what other tests left is none of this one's time
        start = time.process_time()
        assert len(repeats(text, [text])) == 1
        took_s = time.process_time() - start
        gc.enable()
        return took_s

    shorter, longer = (min(seconds(n_words) for _ in range(3)) for n_words in (10_000, 80_000))
    assert longer < 30 * max(shorter, 0.001)  # 8 times the words; a square would be 64 times


def test_no_words_at_all_cannot_be_asked_for():
    with pytest.raises(InputError, match="n_words 0 seen"):
        repeats("fog", ["fog"], n_words=0)
