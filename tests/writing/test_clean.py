"""Of a reply exactly the words are kept that count, and nobody's own words are lost."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import unlike
from tests.writing import replies
from tests.writing.expected import ANSWER, MAIL, MATERIAL, TEXT, WORDS
from tests.writing.replies import GOOD
from unlike.api import sample_corpus
from unlike.errors import CallFailed
from unlike.prompts.prompt import Ask, own_record
from unlike.records import Case, Item, Record
from unlike.writing.clean import SHORT_CHARS, clean_reply
from unlike.writing.expected import Expected, expected_of

TABLES = {
    "text": (replies.REPLIES, TEXT),
    "material": (replies.MATERIAL, MATERIAL),
    "answer": (replies.ANSWERS, ANSWER),
}
TABLES |= {"mail": (replies.MAILS, MAIL)}
ALL = [
    pytest.param(reply, expected, id=f"{kind}: {reply.name}")
    for kind, (table, expected) in TABLES.items()
    for reply in table
]
PARTS = sorted(
    {part for table, _ in TABLES.values() for reply in table for part in re.findall(r"\s+|[^\s]+", reply.sent)}
)


@pytest.mark.parametrize(("reply", "expected"), ALL)
def test_what_is_left(reply, expected):
    if not reply.fails:
        assert clean_reply(reply.sent, expected) == reply.left
        return
    with pytest.raises(CallFailed, match=reply.fails) as failure:
        clean_reply(reply.sent, expected)
    assert failure.value.raw == reply.sent


@pytest.mark.parametrize(("reply", "expected"), ALL)
def test_a_cleaned_reply_is_clean(reply, expected):
    if not reply.fails:
        assert clean_reply(reply.left, expected) == reply.left


def test_the_table_is_long_and_its_names_tell_apart():
    for table, _ in TABLES.values():
        assert len({reply.name for reply in table}) == len(table)
    assert len(replies.REPLIES) >= 60


def test_every_real_text_stays_as_it_is():
    corpus = sample_corpus()
    records = [record for user in corpus.users() for record in corpus.history(user, (2**62, ""))]
    assert len(records) == 288
    for record in records:
        item = corpus.item(record.item_id)
        request = Case("", record.user_id, record.item_id, 0, record.title, record.rating)
        for expected in (expected_of(Ask("generate", item=item, request=request), WORDS), MATERIAL, ANSWER):
            assert clean_reply(record.text, expected) == record.text.strip()


@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=30), st.sampled_from([TEXT, MATERIAL, ANSWER]))
def test_twice_is_once(parts, expected):
    try:
        once = clean_reply("".join(parts), expected)
    except CallFailed:
        return
    assert once
    assert clean_reply(once, expected) == once


@given(st.text(alphabet="ab \n.,'()!é雨", min_size=1))
def test_words_without_marks_stay(text):
    if text.strip():
        assert clean_reply(text, TEXT) == text.strip()
        assert clean_reply(text).strip() == text.strip()


def test_a_thought_that_was_cut_names_the_setting():
    with pytest.raises(CallFailed, match=r"raise max_tokens \(--max-tokens\)"):
        clean_reply("<think>Hm", TEXT)


def test_a_long_text_that_begins_like_a_refusal_is_none():
    text = "I'm sorry, but I can't assist with that. " + "So said the shop. " * (SHORT_CHARS // 18 + 1)
    assert clean_reply(text, TEXT) == text.strip()


def test_labels_and_titles_are_those_of_the_task_and_the_request():
    ask = Ask("generate", item=Item("i", "Tea (green)"), request=Case("", "u", "i", 0, "Why? 50%", 3.5))
    words = {"text": "Rezension", "texts": "Rezensionen", "item": "Ding (neu)", "title": "Titel", "rating": "Sterne"}
    expected = expected_of(ask, words)
    sent = "Ding (neu): Tea (green)\nSterne: 3.5\nTitel: Why? 50%\n\nRezension: Gut."
    assert clean_reply(sent, expected) == "Gut."
    assert clean_reply("# Why? 50%\n\nGut.", expected) == "Gut."
    assert clean_reply("Sterne: 4\nGut.", expected) == "Sterne: 4\nGut."


def test_a_person_who_writes_the_label_keeps_it():
    past = own_record(Record("r", "u", "i", "Review: Good tea."), Item("i"))
    labelled = expected_of(Ask("generate", (past,), request=Case("", "u", "i", 0)), WORDS)
    assert clean_reply(f"Review: {GOOD}", labelled) == f"Review: {GOOD}"
    assert clean_reply(f"Sure! Here is the review:\n\nReview: {GOOD}", labelled) == f"Review: {GOOD}"
    others = expected_of(Ask("generate", (replace(past, text="Good tea."),), request=Case("", "u", "i", 0)), WORDS)
    assert clean_reply(f"Review: {GOOD}", others) == GOOD


def test_who_asks_for_no_text_gets_material():
    assert expected_of(Ask("summary"), WORDS) == Expected("material", WORDS)


def test_replies_are_cleaned_in_one_room():
    source = Path(unlike.__file__).parent
    named = [
        path
        for path in source.rglob("*.py")
        if re.search(r"think(?:ing)?\)?\??>|</text|im_end", path.read_text("utf-8"))
    ]
    assert {path.parent.name for path in named} <= {"generate"}
