"""However a reply is cut into pieces, the pieces that are given out are the cleaned whole, and they come soon."""

import asyncio
import re
from contextlib import aclosing

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.writing.expected import ANSWER, MAIL, MATERIAL, TEXT
from tests.writing.replies import FINDING, GOOD, REPLIES, TAKEN_BACK, TWO
from tests.writing.test_clean import ALL, PARTS
from unlike.api import sample_corpus
from unlike.errors import CallFailed
from unlike.llm.backend import Completion
from unlike.writing.clean import clean_reply, cleaned
from unlike.writing.framing import THINKS_ALOUD
from unlike.writing.text_bounds import framing_of


def pieces_of(text, cuts):
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    return [text[first:last] for first, last in zip(places, places[1:], strict=False)]


def read(pieces, expected):
    """What a stream gave out, piece by piece, the Completion at its end, and why it failed."""
    given_out, answer = list[str](), None

    async def sent():
        for piece in pieces:
            yield piece
        yield Completion("".join(pieces), 11, 7)

    async def reading():
        nonlocal answer
        async with aclosing(cleaned(sent(), expected)) as stream:
            async for piece in stream:
                if isinstance(piece, str):
                    given_out.append(piece)
                else:
                    answer = piece

    try:
        asyncio.run(reading())
    except CallFailed as failure:
        return given_out, answer, failure
    return given_out, answer, None


def check(reply, expected, pieces):
    given_out, answer, failure = read(pieces, expected)
    said = "".join(given_out)
    if reply.late and failure:
        assert TAKEN_BACK in str(failure) and said
        return
    if reply.fails:
        assert failure and re.search(reply.fails, str(failure)) and failure.raw == reply.sent
        assert not given_out or "cut" in reply.name, "what fails is known before anything is given out"
        return
    assert failure is None
    assert said == answer.text == reply.left
    assert all(given_out), "no empty piece"


@pytest.mark.parametrize(("reply", "expected"), ALL)
def test_sign_by_sign_and_word_by_word(reply, expected):
    check(reply, expected, list(reply.sent))
    check(reply, expected, re.findall(r"\s*\S+|\s+", reply.sent))


@settings(max_examples=300)
@given(st.sampled_from([one.values for one in ALL]), st.lists(st.integers(0, 300), max_size=12))
def test_however_it_is_cut(one, cuts):
    reply, expected = one
    check(reply, expected, pieces_of(reply.sent, cuts))


@given(
    st.lists(st.sampled_from(PARTS) | st.text(max_size=5), max_size=30).map("".join),
    st.lists(st.integers(0, 200), max_size=12),
    st.sampled_from([TEXT, MATERIAL, ANSWER]),
)
@example("```\nHere is the review\n```\n\nBut no.", [12], TEXT)
def test_a_stream_is_the_whole_or_says_that_it_is_not(text, cuts, expected):
    try:
        whole = clean_reply(text, expected)
    except CallFailed as failure:
        whole = failure
    given_out, answer, failure = read(pieces_of(text, cuts), expected)
    if failure is None:
        assert "".join(given_out) == answer.text == whole
    else:
        assert str(failure) == str(whole) or TAKEN_BACK in str(failure)


# How soon -------------------------------------------------------------------------------------------------------------


def delays(text, expected=TEXT):
    """Signs sent before the first piece, and the most that were ever held back."""
    words = re.findall(r"\s*\S+|\s+", text)
    n_sent, n_given, first, most = 0, 0, None, 0

    async def sent():
        nonlocal n_sent, most
        for word in words:
            n_sent += len(word)
            yield word
            most = max(most, n_sent - n_given)
        yield Completion(text)

    async def reading():
        nonlocal n_given, first
        async for piece in cleaned(sent(), expected):
            if isinstance(piece, str):
                first = first or n_sent
                n_given += len(piece)

    asyncio.run(reading())
    return first, most


def test_real_texts_come_at_once():
    corpus = sample_corpus()
    records = [record for user in corpus.users() for record in corpus.history(user, (2**62, ""))]
    firsts, mosts = zip(*(delays(record.text) for record in records[::4]), strict=True)
    assert sorted(firsts)[len(firsts) // 2] <= 12 and max(firsts) <= 160
    assert sorted(mosts)[len(mosts) // 2] <= 12 and max(mosts) <= 160


def test_behind_framing_the_text_comes_at_once():
    announced = "Sure! Here is the review:\n\n"
    first, _ = delays(announced + GOOD)
    assert first <= len(announced) + 10
    thought = "<think>" + "And so on. " * 50 + "</think>\n\n"
    first, _ = delays(thought + GOOD)
    assert first <= len(thought) + 10


def test_a_last_paragraph_waits_only_while_it_may_be_a_remark():
    given_out, *_ = read(
        [TWO, "\n\n", "Note", ": the ", "nib is sold", " alone.", "\n\n", "This pen", " is fine."], TEXT
    )
    assert "".join(given_out[:2]).endswith("the nib") or len(given_out) > 2
    text = f"{TWO}\n\nThat is all. I say no more of it, and no less. Not one word."
    _, most = delays(text)
    assert most <= 20


def test_answers_of_a_chat_are_not_held():
    first, most = delays("Sure! Here is the review: it is a fine one. Let me know if you want more of it.", ANSWER)
    assert first <= 5 and most <= 10


def test_thoughts_without_an_opening_tag_wait_for_the_closing_one():
    given_out, answer, failure = read(["Okay, ", "the user wants", " a review. Short.", "</think>", GOOD], TEXT)
    assert failure is None and "".join(given_out) == answer.text == GOOD


def test_who_leaves_early_stops_the_engine():
    stopped = False

    async def endless():
        nonlocal stopped
        try:
            while True:
                yield "word "
        finally:
            stopped = True

    async def leaving():
        async with aclosing(cleaned(endless(), TEXT)) as stream:
            async for _ in stream:
                return

    asyncio.run(leaving())
    assert stopped


# What streams stand on ------------------------------------------------------------------------------------------------

FRAMING = framing_of(TEXT)
WAITED_FOR = {
    "announcement": FRAMING.announcement,
    "heading": FRAMING.heading,
    "field": FRAMING.field,
    "label": FRAMING.label,
    "tag": FRAMING.tag,
    "remark": FRAMING.remark,
    "wish": FRAMING.wish,
    "material's announcement": framing_of(MATERIAL).announcement,
    "material's remark": framing_of(MATERIAL).remark,
    "refusal": FRAMING.refusal,
    "mail's refusal": framing_of(MAIL).refusal,
    "thinking aloud": THINKS_ALOUD,
}
STRETCHES = {part for reply in REPLIES for part in (reply.sent, *reply.sent.split("\n\n"))} | {
    "Okay, so the user wants a short review of the pen.",
    "Here are the key differences:\n",
    "Let me know if you'd like another version.",
    "I’m really sorry, but as an AI, I cannot create content that imitates real people.",
    "As an AI language model, I do not own a pen, and so I cannot say.",
    "I have tried to keep the tone consistent and have used the words from the person's past reviews.",
    "If you want, I can also write a shorter one.",
    "This short review aims to be, as far as it goes, written in the requested style.",
}


@pytest.mark.parametrize("what", WAITED_FOR)
def test_every_beginning_of_what_matches_may_still_match(what):
    """The ``regex`` library has cases where it does not see that; see ``framing``."""
    pattern, n_found = WAITED_FOR[what], 0
    for text in sorted(STRETCHES):
        whole = f"{text}\n\n{FINDING}"
        found = pattern.match(whole)
        if found:
            n_found += 1
            for end in range(found.end()):
                assert pattern.match(whole[:end], partial=True), whole[:end]
    assert n_found
