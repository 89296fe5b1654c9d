from hypothesis import given
from hypothesis import strategies as st

from unlike.evaluate.report.shown_text import shared_words


def test_words_are_marked_whatever_their_case_and_stop_words_are_not():
    pieces = shared_words("The DRUMS don’t stop, the Straße does", "drums and strasse don't the stop")
    assert [piece for piece, shared in pieces if shared] == ["DRUMS", "don’t", "stop", "Straße"]


def test_part_of_a_word_is_not_the_word():
    assert shared_words("drummer", "drum") == [("drummer", False)]
    assert shared_words("", "drum") == []


@given(st.text(), st.text())
def test_pieces_joined_are_the_text(text, reference):
    assert "".join(piece for piece, _ in shared_words(text, reference)) == text
