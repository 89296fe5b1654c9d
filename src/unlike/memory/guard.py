"""No text that is given out repeats another person's words.

In a stream the last words are held back until the next ones show that no run of another's words is being completed, so
nothing of such a run is given out, not even its beginning.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from unlike.llm.backend import Completion
from unlike.memory.answers import Repeated
from unlike.privacy.repeats import Others


class Refused(Repeated):
    """A text that is not given out; the words themselves are not told.

    Attributes:
        tokens: What it cost; 0 where the engine had not told yet.
    """

    def __init__(self, n_words: int, tokens: int = 0) -> None:
        super().__init__(
            f"the text repeats {n_words} or more words of another person, so it is not given out; ask again, perhaps "
            "with another seed or temperature"
        )
        self.tokens = tokens


async def guarded(pieces: AsyncGenerator[str | Completion], theirs: Others) -> AsyncGenerator[str | Completion]:
    """The pieces of a stream, up to n words later than they came.

    Raises:
        Refused: The text was about to repeat n words of others; what was given out holds none of the run.
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
                raise Refused(theirs.n_words)
            if first:
                yield held[:first]
                held = held[first:]
            if not isinstance(piece, str):
                yield piece
