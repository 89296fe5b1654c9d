"""A prompt is made to fit: oldest records first, then the longest texts, never the instructions."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.errors import InputError
from unlike.llm.backend import Sampling
from unlike.prompts.budget import DROPPED, SHORTEST_CHARS, fit, shortened, shown_texts
from unlike.prompts.prompt import Ask, Passage, own_record
from unlike.prompts.task import open_task
from unlike.records import Case, Item, Record
from unlike.writing.draft import draft_of

TASK = open_task()
ITEM = Item("i", "Night Ferry", "Ten songs.")
CASE = Case("c", "u", "i", 99, "Hello", 4.0)
SENTENCE = "The engine hums below the quiet songs. "


def count(messages):
    return sum(len(message["content"].split()) for message in messages)


def ask(*lengths):
    """One record of so many sentences each, handed in newest first."""
    records = [Record(f"r{i}", "u", "i", SENTENCE * n, timestamp=i) for i, n in enumerate(lengths)]
    passages = [own_record(record, ITEM) for record in records[::-1]]
    return Ask("generate", (*passages, Passage("profile", "Likes engines.")), ITEM, CASE)


def test_what_fits_stays_as_it_is():
    asked = ask(2, 2)
    fitted = fit(asked, TASK, 10_000, count)
    assert (fitted.ask, fitted.left_out) == (asked, ())
    assert fit(asked, TASK, None, lambda messages: 10**9).left_out == ()


def test_oldest_records_go_first_and_the_last_one_is_shortened_at_a_sentences_end():
    fitted = fit(ask(20, 20, 20), TASK, 190, count)
    assert [p.record.id for p in fitted.ask.passages if p.record] == ["r2"]
    assert list(fitted.left_out[:2]) == ["dropped past r0", "dropped past r1"]
    assert fitted.left_out[2].startswith("shortened past r2 from 780 to ")
    assert fitted.ask.passages[0].text.endswith("songs.")
    assert fitted.ask.passages[-1].text == "Likes engines."


def test_two_hundred_records_in_a_small_context():
    """The newest that fit stay, and each that went is named; the answer keeps half of the context, and asks for no more."""
    backend = SimpleNamespace(context_tokens=2048, count_tokens=count)
    draft = draft_of(ask(*[2] * 200), TASK, backend, Sampling(max_tokens=2048))
    n_dropped = sum(note.startswith(DROPPED) for note in draft.left_out)
    assert 0 < n_dropped < 200
    assert draft.left_out[0] == "dropped past r0"
    assert set(draft.call.record_ids) == {f"r{n}" for n in range(n_dropped, 200)}
    assert count(draft.call.messages) <= 1024 == draft.call.sampling.max_tokens


def test_a_comparison_shortens_before_it_leaves_a_text_out():
    target = own_record(Record("t", "u", "i", SENTENCE * 3), ITEM, "target")
    others = [own_record(Record(f"o{i}", f"v{i}", "i", SENTENCE * 40, timestamp=i), ITEM, "others") for i in range(3)]
    fitted = fit(Ask("difference", (target, *others), ITEM), TASK, 480, count)
    assert [p.record.id for p in fitted.ask.passages] == ["t", "o0", "o1", "o2"]
    assert all(note.startswith("shortened others") for note in fitted.left_out)


def test_a_target_never_goes():
    target = own_record(Record("t", "u", "i", SENTENCE * 3), ITEM, "target")
    others = [own_record(Record(f"o{i}", f"v{i}", "i", SENTENCE * 9, timestamp=i), ITEM, "others") for i in range(3)]
    fitted = fit(Ask("difference", (target, *others), ITEM), TASK, 200, count)
    assert [p.record.id for p in fitted.ask.passages] == ["t", "o2"]


def test_descriptions_are_shortened_when_nothing_else_is_left():
    item = Item("i", "Night Ferry", SENTENCE * 20)
    asked = Ask("generate", (own_record(Record("r", "u", "i", SENTENCE * 2), item),), item, CASE)
    fitted = fit(asked, TASK, 200, count)
    assert fitted.left_out[-1].startswith("shortened description of i from ")
    assert fitted.ask.item == fitted.ask.passages[0].item
    assert fitted.ask.item.title == "Night Ferry"
    assert count(fitted.messages) <= 200


def test_what_cannot_fit_says_what_to_do():
    with pytest.raises(InputError, match="longer context or lower --max-tokens"):
        fit(ask(1), TASK, 20, count)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(180, 800))
def test_the_limit_holds_and_instructions_stay(lengths, limit):
    asked = ask(*lengths)
    fitted = fit(asked, TASK, limit, count)
    assert count(fitted.messages) <= limit
    assert fitted.messages[0] == fit(asked, TASK, None, count).messages[0]
    assert "The review to write" in fitted.messages[1]["content"]


@given(st.text(max_size=400), st.integers(1, 300))
def test_shortening_gives_a_front_of_the_text(text, max_chars):
    short = shortened(text, max_chars)
    assert len(short) <= max(max_chars, 0) or short == text
    assert text.startswith(short)


def test_shortening_without_a_sentence_cuts_at_a_word():
    assert shortened("wool " * 100, 23) == "wool wool wool wool"
    assert SHORTEST_CHARS < 200


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(180, 800))
def test_the_texts_that_were_shown_are_found_from_what_was_left_out(lengths, limit):
    asked = ask(*lengths)
    fitted = fit(asked, TASK, limit, count)
    whole = {passage.record.id: passage.text for passage in asked.passages if passage.record}
    shown = {passage.record.id: passage.text for passage in fitted.ask.passages if passage.record}
    assert shown_texts(whole, fitted.left_out) == shown
