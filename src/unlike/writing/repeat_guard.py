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
    held = HeldText(theirs)
    async with aclosing(pieces):
        async for piece in pieces:
            if words := held.add(piece) if isinstance(piece, str) else held.rest():
                yield words
            if not isinstance(piece, str):
                yield piece


class HeldText:
    """The end of a growing text, held back while it can still become part of a run of others' words.

    Args:
        others: Whose words may not be repeated.
    """

    def __init__(self, others: Others) -> None:
        self._others = others
        self._held = ""

    def add(self, words: str) -> str:
        """The words that can be sent once some are added.

        Raises:
            Repeated: There is a run of others' words.
        """
        self._held += words
        return self._first(*self._others.cut(self._held))

    def rest(self) -> str:
        """All words still held, at the end of the text; raises as ``add``."""
        return self._first(len(self._held), len(self._held))

    def _first(self, n_sent: int, n_checked: int) -> str:
        if self._others.runs_in(self._held[:n_checked]):
            raise Repeated(self._others.n_words)
        sent, self._held = self._held[:n_sent], self._held[n_sent:]
        return sent
