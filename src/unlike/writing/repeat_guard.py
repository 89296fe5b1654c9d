"""A stream that ends before it repeats another person's words.

The last words are held back until the next ones show that they begin no run of another's words, so no part of such a run
is sent, not even its beginning.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

from unlike.errors import UnlikeError
from unlike.llm.backend import Completion
from unlike.privacy.repeats import Others

OnRepeat = Literal["block", "retry", "mark"]


class Repeated(UnlikeError):
    """A text that is not returned, since it repeats another person's words; the words are not in the message."""

    def __init__(self, n_words: int) -> None:
        super().__init__(
            f"the text repeats {n_words} or more words of another person, so it is not returned; ask again, perhaps "
            "with another seed or temperature"
        )


async def guarded(pieces: AsyncGenerator[str | Completion], theirs: Others) -> AsyncGenerator[str | Completion]:
    """The pieces of a stream, up to n words later than they came.

    Raises:
        Repeated: The text was about to repeat n words of others; what was sent holds none of the run.
    """
    held = ""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, str):
                held += piece
                first, whole = theirs.cut(held)
            else:
                first = whole = len(held)
            if theirs.runs_in(held[:whole]):
                raise Repeated(theirs.n_words)
            if first:
                yield held[:first]
                held = held[first:]
            if not isinstance(piece, str):
                yield piece
