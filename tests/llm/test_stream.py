"""What the chunks of a stream add up to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.llm.endpoint import chunk, chunks
from unlike.errors import CallFailed
from unlike.llm.stream import GrowingAnswer


@given(st.lists(st.text(" \n\u3000ab😀", max_size=4), max_size=8))
def test_pieces_joined_are_the_text_and_begin_with_a_word(texts):
    answer = GrowingAnswer("m")
    pieces = [piece for piece in map(answer.take, chunks(*texts)) if piece]
    if not "".join(texts).strip():
        assert pieces == []
        with pytest.raises(CallFailed, match="m: the answer is empty"):
            answer.completion(0.0)
        return
    assert "".join(pieces) == answer.completion(0.0).text == "".join(texts)
    assert pieces[0].strip()


def test_usage_and_reason_are_the_last_that_were_told():
    answer = GrowingAnswer("m")
    for one in (*chunks("a", finish_reason="length"), chunk({}, usage=None)):
        answer.take(one)
    done = answer.completion(1.5)
    assert (done.prompt_tokens, done.completion_tokens, done.finish_reason, done.wall_s) == (11, 7, "length", 1.5)
