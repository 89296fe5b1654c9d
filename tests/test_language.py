"""Words, sentences and the kind of language of texts in many scripts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.language import SENTENCE_END, as_whole_words, first_words, language_of, pieces, words
from unlike.memory.supported_statements import sentences
from unlike.records import Record
from unlike.retrieve.bm25 import BM25Retriever
from unlike.retrieve.query import Document

ENGLISH = "It is the lamp that they have in the hall, and you can see it. "


@pytest.mark.parametrize(
    ("phrase", "text", "is_there"),
    [
        ("lamp", "a lamp.", True), ("lamp", "two lamps", False), ("lamp", "a headlamp", False),
        ("Help!", "I heard Help! again", True), ("Help!", "Help!", True), ("Help!", "SelfHelp!", False),
        ("...And Then", "loves ...And Then.", True), ("...And Then", "hears...And Then", True), ("(live)", "it(live)s", True),
        ("三体", "他喜欢三体的结尾", True), ("A三体", "BA三体", False), ("a.c", "abc", False), ("Été", "l'Été!", True),
    ],
)  # fmt: skip
def test_a_phrase_is_found_whole(phrase, text, is_there):
    assert (re.search(as_whole_words(phrase), text) is not None) == is_there


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([], "english"), ([""], "english"), (["!?"], "english"), (["lamp"], "english"), ([ENGLISH * 50], "english"),
        (["de lamp is mooi maar het licht is fel op mijn bureau " * 30], "spaced"), (["Größe fällt klein aus"], "spaced"),
        (["Отличная книга"], "spaced"), (["منتج رائع"], "spaced"), (["아주 좋은 제품"], "spaced"),
        (["这个手机很好用"], "chinese"), (["iPhone很好用"], "chinese"), (["とても良い商品"], "unspaced"),
        (["สินค้าดีมาก"], "unspaced"),
        ([ENGLISH * 9] * 400 + ["这个手机很好用，我很喜欢" * 9] * 900, "chinese"),
        ([ENGLISH * 20, "一"], "english"), ([ENGLISH, "这个手机很好用，我很喜欢"], "chinese"),
    ],
)  # fmt: skip
def test_kinds_of_language(texts, kind):
    assert language_of(texts) == kind


def test_words_of_any_script():
    assert words("It’s the Café, n° 2") == ["it's", "the", "café", "n", "2"]
    assert words("iPhone很好用") == ["iphone", "很", "好", "用"]
    assert words("منتج رائع") == ["منتج", "رائع"]
    assert words("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]
    assert words("ＡＢＣ") == ["abc"]


@given(st.text(alphabet="ab '.,1\n"))
def test_pieces_of_ascii_stand_between_spaces(text):
    assert pieces(text) == text.split()
    assert pieces(f"{text} é") == [*text.split(), "é"]


def test_sentences_of_other_scripts():
    text = "她喜欢短句。常用感叹号！！“真的吗？”她问。"
    assert sentences(text) == ["她喜欢短句。", "常用感叹号！！", "“真的吗？”", "她问。"]
    assert [part for part in SENTENCE_END.split("هل هذا جيد؟ نعم. جدا") if part] == ["هل هذا جيد؟", "نعم.", "جدا"]
    assert sentences("Writes briefly. Likes e.g. lamps.") == ["Writes briefly.", "Likes e.g. lamps."]


def test_bm25_finds_what_a_query_without_spaces_asks_for():
    documents = [
        Document(Record(f"{n}", "u", f"i{n}", "t", timestamp=n), text)
        for n, text in enumerate(["红色的台灯", "蓝色的水壶", "蓝色的手机", "绿色的帐篷"])
    ]
    assert BM25Retriever().rank("蓝色水壶", documents, 1)[0].id == "1"
    assert BM25Retriever().rank("帐篷", documents, 1)[0].id == "3"


@pytest.mark.parametrize(
    ("text", "n", "first"),
    [
        ("One,  two\nthree", 2, "One,  two"),
        ("One", 2, "One"),
        ("很好用", 2, "很好"),
        ("One two", None, "One two"),
        ("", 1, ""),
    ],
)
def test_the_first_words_keep_their_white_space(text, n, first):
    assert first_words(text, n) == first
