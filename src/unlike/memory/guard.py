"""No text that is given out repeats another person's words.

In a stream the last words are held back until the next ones show that no run of another's words is being completed.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from unlike.llm.backend import Completion
from unlike.memory.answers import Repeated
from unlike.privacy.repeats import repeats


def refusal(n_words: int) -> Repeated:
    """Why a text is not given out; the words themselves are not told."""
    return Repeated(
        f"the text repeats {n_words} or more words of another person, so it is not given out; ask again, perhaps with "
        "another seed or temperature"
    )


async def guarded(
    pieces: AsyncGenerator[str | Completion], others: Sequence[str], n_words: int
) -> AsyncIterator[str | Completion]:
    """The pieces of a stream, up to n words later than they came.

    Raises:
        Repeated: The text was about to repeat n words of others; what was given out does not.
    """
    given, text = 0, ""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, str):
                text += piece
                if repeats(text, others, n_words):
                    raise refusal(n_words)
                safe = _safe_end(text, n_words) if others else len(text)
                if safe > given:
                    yield text[given:safe]
                    given = safe
            else:
                if text[given:]:
                    yield text[given:]
                yield piece


def _safe_end(text: str, n_words: int) -> int:
    """Where the last n - 1 words and what is begun start: no run can be completed in front of that."""
    words = text.split(" ")
    return len(text) if len(words) < 1 else len(" ".join(words[: max(0, len(words) - n_words)]))
