"""Encoders compared on invented authors, each with a habit of punctuation: one that reads it finds the users, others do not."""

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.worlds import DAY_MS

from unlike.data.corpus import Corpus
from unlike.embed.hashing import HashingEncoder
from unlike.embed.ngrams import fit_ngrams
from unlike.embed.open import open_encoder
from unlike.errors import InputError
from unlike.evaluate.authorship.trials import AuthorshipSettings, CutTexts
from unlike.evaluate.identity import controls
from unlike.evaluate.identity import separation as identity_scores
from unlike.evaluate.identity.encoders import compare_encoders
from unlike.evaluate.identity.fitted import FittedEncoders, StyleEncoder
from unlike.evaluate.identity.separation import Estimate, Gain
from unlike.evaluate.identity.trials import IdentitySettings, Texts, choose_trials
from unlike.evaluate.report.encoders import render_encoders
from unlike.records import Item, Record

SETTINGS = IdentitySettings(n_foils=2, n_words=24)
MARKS = ("!!", ";", "...", " -", "?!", ",")
N_ITEMS = 12


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(identity_scores, "DRAWS", 100)


class WordsOnly:
    """An encoder that ignores punctuation."""

    name = "words"

    def encode(self, texts):
        return HashingEncoder(64).encode([re.sub(r"[^\w\s]", "", text) for text in texts])


def invented(n_regular=24, n_others=24):
    """Regulars write on nine items and can be tested, others on four; everybody ends every fourth word in a mark of their own."""
    random = np.random.default_rng(0)
    records = []
    for user in range(n_regular + n_others):
        mark = MARKS[user % len(MARKS)]
        for item in random.permutation(N_ITEMS)[: 9 if user < n_regular else 4]:
            words = [f"w{word}" for word in random.integers(300, size=30)]
            text = " ".join(word + mark * (place % 4 == 3) for place, word in enumerate(words))
            day = int(random.integers(1000))
            records.append(Record(f"u{user}:i{item}", f"u{user}", f"i{item}", text, "", 3.0, day * DAY_MS))
    return Corpus(records, [Item(f"i{number}") for number in range(N_ITEMS)])


def test_a_habit_of_punctuation_is_found_by_encoders_that_read_it_and_by_no_other():
    names = ("words", "ngrams:8", "words+style")
    report = compare_encoders(invented(), names, lambda name: WordsOnly(), SETTINGS)
    words, ngrams, both = report.encoders
    assert words.result.difference.share.low < 0.5 < words.result.difference.share.high
    assert words.over_first is None
    for found in (ngrams, both):
        assert found.result.difference.share.low > 0.7 and found.representatives.difference.share.low > 0.65
        assert found.over_first and found.over_first.share.low > 0.1 and found.over_first.p < 0.01
        assert found.stranger and found.stranger.difference.share.value == pytest.approx(0.5, abs=0.1)
    assert [found.dim for found in report.encoders] == [64, 8, 192]
    table = render_encoders(report, "Encoders")
    assert f"| ngrams:8 | 8 | {ngrams.result.own_vector.share.value:.3f}" in table
    assert f"in no trial, of whom there are {report.n_fitted_users}." in table and "the first 24 words" in table


def test_encoders_are_fitted_on_users_in_no_trial():
    corpus = invented()
    texts = Texts(corpus.records(), SETTINGS)
    trials = choose_trials(texts, SETTINGS)[0]
    tested = {user for each in trials for trial in each for user in (trial.user_id, texts.author(trial.foil))}
    fitted = FittedEncoders(corpus, texts, trials, SETTINGS)
    assert tested and set(fitted.users) == set(corpus.users()) - tested


def test_encoders_read_the_first_words_alone():
    asked = []

    class Listening(WordsOnly):
        def encode(self, texts):
            asked.extend(texts)
            return super().encode(texts)

    compare_encoders(invented(n_others=0), ["words"], lambda name: Listening(), SETTINGS)
    assert {len(text.split()) for text in asked} <= set(range(24, 31)) and max(map(len, asked)) < 24 * 8


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "encoders to compare are none; give each once"),
        (("words", "words"), "words, words; give each once"),
        (("ngrams:many",), "encoder ngrams:many has no usable size: give at least 1, as in ngrams:384"),
        (("ngrams:100000",), "ngrams:100000 cannot be fitted: .*give fewer dimensions"),
    ],
)
def test_what_cannot_be_compared_is_one_line(names, message):
    with pytest.raises(InputError, match=message):
        compare_encoders(invented(), names, lambda name: WordsOnly(), SETTINGS)


@pytest.mark.parametrize("name", ["style", "ngrams:8"])
def test_fitting_needs_users_in_no_trial(name):
    with pytest.raises(InputError, match=f"encoder {name} cannot be fitted: 0 users are in no trial, at least 20"):
        compare_encoders(invented(n_others=0), [name], lambda name: WordsOnly(), SETTINGS)


def test_style_needs_users_with_two_long_texts():
    with pytest.raises(
        InputError, match="encoder style cannot be fitted: 0 users with two texts of 40 words are in no"
    ):
        compare_encoders(invented(), ["style"], lambda name: WordsOnly(), replace(SETTINGS, n_words=40))


def test_the_style_of_a_script_without_spaces_is_read_as_it_was_learned():
    random = np.random.default_rng(0)
    records = [
        replace(record, text="".join(chr(0x4E00 + random.integers(200)) for _ in range(30)) + MARKS[place % 6])
        for place, record in enumerate(invented().records())
    ]
    corpus = Corpus(records, [Item(f"i{number}") for number in range(N_ITEMS)])
    texts = CutTexts(corpus, AuthorshipSettings(n_words=24))
    encoder = StyleEncoder(texts, corpus.users(), seed=0)
    whole = [record.text[:24] for record in records[:5]]
    assert encoder.encode(whole) == pytest.approx(encoder.encode([texts.cut(text) for text in whole]), abs=1e-6)


def test_without_strangers_their_cell_says_so(monkeypatch):
    monkeypatch.setattr(controls, "with_stranger", lambda texts, trials, number: [None] * len(trials))
    report = compare_encoders(invented(), ["words"], lambda name: WordsOnly(), SETTINGS)
    assert report.encoders[0].stranger is None
    assert "too few users" in render_encoders(report, "Encoders")


def test_the_first_encoder_s_gain_over_itself_is_nothing():
    words, same = compare_encoders(invented(), ["words", "same"], lambda name: WordsOnly(), SETTINGS).encoders
    assert same.result == words.result
    assert same.over_first == Gain(Estimate(0, 0, 0), Estimate(0, 0, 0), 1.0)


def test_an_encoder_is_opened_when_it_is_its_turn_and_a_shared_part_once():
    seen = []

    class Named(WordsOnly):
        def __init__(self, name):
            self.name = name
            seen.append(f"open {name}")

        def encode(self, texts):
            seen.append(f"use {self.name}")
            return super().encode(texts)

    compare_encoders(invented(), ["a", "b", "b+a"], Named, SETTINGS)
    assert list(dict.fromkeys(seen)) == ["open a", "use a", "open b", "use b"]
    assert seen.count("open a") == seen.count("open b") == 1


def test_a_name_that_cannot_be_fitted_is_found_before_a_text_is_encoded():
    asked = []
    with pytest.raises(InputError, match="ngrams:many has no usable size"):
        compare_encoders(invented(), ["words", "ngrams:many"], asked.append, SETTINGS)
    assert asked == []


def test_an_encoder_in_a_file_is_opened_and_not_fitted_again(tmp_path):
    texts = [record.text for record in invented().records()]
    fit_ngrams(texts, 8).save(tmp_path / "n.npz")
    report = compare_encoders(invented(), [f"ngrams:{tmp_path / 'n.npz'}"], open_encoder, SETTINGS)
    assert report.encoders[0].dim == 8


def test_at_most_so_many_users_count():
    report = compare_encoders(invented(), ["words"], lambda name: WordsOnly(), replace(SETTINGS, n_users=12))
    assert report.n_users == 12
