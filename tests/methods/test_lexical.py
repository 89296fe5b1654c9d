"""The lexical difference: its formula by hand, whose texts are in it, and that it goes with the draft of any method."""

import asyncio
import math

import pytest
from tests.worlds import Listening, kit_for, world

from unlike.errors import CallFailed, InputError
from unlike.methods.lexical import MAX_TOKENS, ComparedCounts, _token_counts, lexical_difference
from unlike.methods.table import METHODS, open_method

WRITINGS = [(user, item, item * 4 + user) for item in range(3) for user in range(4)]
CASES = [(0, 7, 40), (1, 8, 41)]
LATER = [(3, 0, 60)]


class WithTokens(Listening):
    """A backend whose tokens are words, numbered as they come."""

    def __init__(self):
        super().__init__()
        self.words = {}

    def token_ids(self, text):
        return [self.words.setdefault(word, len(self.words)) for word in text.split()]


@pytest.fixture
def crowd():
    n = len(WRITINGS)
    return world(WRITINGS + CASES + LATER, targets=(n, n + 1))


def drafted(crowd, method="rag", backend=None, **settings):
    """The draft of the first case, and what the biased tokens mean."""
    backend = backend or WithTokens()
    draft = asyncio.run(open_method(method)(crowd.cases("test")[0], kit_for(crowd, backend, **settings)))
    words = {number: word for word, number in getattr(backend, "words", {}).items()}
    return draft, {words[token]: bias for token, bias in draft.call.sampling.logit_bias}


def test_the_formula_by_hand():
    """Two records: 4 and 2 own tokens; the others wrote 8 and 4, so their counts are halved."""
    compared = [
        ComparedCounts({1: 3, 2: 1}, {1: 2, 2: 4, 3: 2}, ()),
        ComparedCounts({1: 2}, {1: 2, 3: 2}, ()),
    ]
    own, expected = {1: 5, 2: 1, 3: 0}, {1: 1 + 1, 2: 2, 3: 1 + 1}
    seen = {1: 3 + 2 + 2 + 2, 2: 1 + 4, 3: 2 + 2}
    by_hand = {}
    for token, n in seen.items():
        prior = 500 * n / 18
        c, o = own[token] + prior, expected[token] + prior
        by_hand[token] = 2 * math.log(c / o) * 0.25 / (0.25 + 1 / c + 1 / o)
    found = dict(lexical_difference(compared, 2.0))
    assert found == pytest.approx({token: bias for token, bias in by_hand.items() if abs(bias) >= 0.01}, abs=1e-4)
    assert found[1] > 0 > found[3] and list(found) == sorted(found)


def test_a_habit_counts_for_more_than_a_word_that_was_used_once_and_the_same_words_for_nothing():
    habit = ComparedCounts({1: 30, 2: 1, 3: 200}, {1: 5, 3: 226}, ())
    found = dict(lexical_difference([habit], 1.0))
    assert found[1] > 0.3 > 3 * found.get(2, 0.0)
    assert lexical_difference([ComparedCounts({1: 3, 2: 3}, {1: 30, 2: 30}, ())], 5.0) == ()
    assert lexical_difference([], 1.0) == ()


def test_there_are_no_more_tokens_than_endpoints_take():
    wide = ComparedCounts({token: 50 for token in range(600)}, {token: 50 for token in range(600, 1200)}, ())
    assert len(lexical_difference([wide], 1.0)) == MAX_TOKENS


@pytest.mark.parametrize("method", ["non_perso", "rag", "dpl"])
def test_any_method_takes_it_and_its_prompt_stays(crowd, method):
    plain, nothing = drafted(crowd, method)
    biased, words = drafted(crowd, method, lexical=20.0)
    assert nothing == {} and plain.call.sampling.logit_bias == ()
    assert biased.call.messages == plain.call.messages
    assert words["u0"] > 0
    assert biased.trace["lexical"]["of"] == "u0" and biased.trace["lexical"]["records"] == 3
    assert set(plain.call.record_ids) <= set(biased.call.record_ids)


def test_own_words_are_raised_and_others_lowered_from_texts_before_the_request_alone(crowd):
    draft, words = drafted(crowd, lexical=50.0)
    assert words["u0"] > 0 > words["u3"]
    assert {f"r{number:03}" for number in range(len(WRITINGS))} == set(draft.call.record_ids)
    assert not any("r014" in word for word in words)


def test_a_strangers_is_the_control_and_has_no_word_of_the_user(crowd):
    draft, words = drafted(crowd, lexical=50.0, lexical_of="stranger")
    stranger = draft.trace["lexical"]["of"]
    assert stranger != "u0" and words[stranger] > 0
    assert "u0" not in words
    theirs = {record.id for record in crowd.history("u0", (2**62, ""))}
    assert theirs & set(draft.call.record_ids) == theirs & set(drafted(crowd)[0].call.record_ids)


def test_no_stranger_is_a_failed_call():
    alone = world([(0, 0, 0), (0, 1, 50)], targets=(1,))
    with pytest.raises(CallFailed, match="there is no stranger"):
        drafted(alone, lexical=1.0, lexical_of="stranger")


def test_an_engine_that_takes_no_bias_says_so(crowd):
    with pytest.raises(
        InputError, match="scripted:listening takes no logit bias, which the setting lexical needs; use "
    ):
        drafted(crowd, backend=Listening(), lexical=1.0)


def test_a_method_of_that_name_is_the_method_where_there_is_no_strength(crowd):
    kit, case = kit_for(crowd), crowd.cases("test")[0]
    assert asyncio.run(open_method("rag")(case, kit)) == asyncio.run(METHODS["rag"](case, kit))


@pytest.mark.parametrize("settings", [{}, {"lexical_of": "stranger"}], ids=["no bias", "no stranger"])
def test_what_cannot_be_done_is_found_before_any_call_is_paid(settings):
    backend = WithTokens() if settings else Listening()
    alone = world([(0, 0, 0), (0, 1, 50)], targets=(1,))
    with pytest.raises((InputError, CallFailed)):
        drafted(alone, "int_sum", backend, lexical=1.0, **settings)
    assert backend.asked == []


def test_a_text_is_token_counts_once_for_all_cases_and_as_prompts_show_it(crowd):
    class Noting(WithTokens):
        def token_ids(self, text):
            counted.append(text)
            return super().token_ids(text)

    counted, method, kit = [], open_method("rag"), kit_for(crowd, Noting(), lexical=1.0)
    for case in crowd.cases("test"):
        asyncio.run(method(case, kit))
    assert len(counted) == len(set(counted)) > 0
    _token_counts("Good. <|im_end|>", kit.llm.backend)
    assert counted[-1] == "Good. ‹|im_end|>"
