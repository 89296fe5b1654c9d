"""The cleaning of replies: from what a model sent to the words that are kept, shown and compared.

The patterns are in ``framing`` (prefaces, fields, remarks, refusals) and ``thoughts`` (thoughts, control tokens).

The journal keeps replies as they came, so a better cleaning needs no new call. What is left without words, thoughts that
were never ended, and a refusal are failed calls with the reply in them, never a text. Cleaning twice changes nothing.

Of a reply that comes piece by piece, a piece is held back only while what follows can still make it a thought, framing or a
refusal. The whole is cleaned once more at the end, so that there is one cleaning only; where it takes back what was sent (a
closing tag of thoughts that nothing had opened), the stream fails instead of ending with another text.
"""

from contextlib import aclosing
from dataclasses import replace

from unlike.errors import CallFailed
from unlike.llm.stream import Pieces
from unlike.writing.expected import ANSWER, Expected
from unlike.writing.framing import THINKS_ALOUD
from unlike.writing.text_bounds import beginning_of, framing_of, may_be_wrapped, remarks_from, settled_to, unwrapped
from unlike.writing.thoughts import Speech

SHORT_CHARS = 500
"""A refusal that is longer than this holds something else too."""


def clean_reply(reply: str, expected: Expected = ANSWER) -> str:
    """The words of a reply that count.

    Args:
        reply: As the model sent it.
        expected: What it is expected to be.

    Raises:
        CallFailed: It ends inside a thought, holds no words, or refuses (the last not where an answer is expected).
    """
    words, before = reply.rstrip(), None  # so that one pass suffices for most replies
    while words != before:
        before, words = words, _cleaned_once(words, reply, expected)
    if not words:
        raise CallFailed("the reply holds nothing but thoughts or framing; no text is left of it", reply)
    if is_refusal(words, expected):
        raise CallFailed("the model refused to write; its reply is a refusal, not a text", reply)
    return words


def is_refusal(words: str, expected: Expected) -> bool:
    """Whether a model's words are nothing but its refusal to write what it was asked for."""
    if expected.kind == "answer" or len(words) > SHORT_CHARS:
        return False
    return framing_of(expected).refusal.match(words) is not None


def trimmed(words: str) -> str:
    """Words without blank lines before them and white space behind them; the first line keeps its indentation."""
    first = len(words) - len(words.lstrip())
    return words[words.rfind("\n", 0, first) + 1 :].rstrip()


def _cleaned_once(words: str, reply: str, expected: Expected) -> str:
    speech = Speech(expected)
    speech.add(words, last=True)
    if speech.thinking:
        raise CallFailed(
            "the reply ends inside the model's thoughts: the token limit cut it off; raise max_tokens (--max-tokens)",
            reply,
        )
    if expected.kind == "answer":
        return trimmed(speech.said)
    place = beginning_of(speech.said, expected)
    assert place is not None, "a whole reply leaves nothing open"
    text = speech.said[place:].strip()
    framed = bool(speech.said[:place].strip())
    return unwrapped(text[: remarks_from(text, expected, framed)].strip()).strip()


async def cleaned(pieces: Pieces, expected: Expected) -> Pieces:
    """The pieces of a cleaned reply, then the Completion with the whole of it.

    Args:
        pieces: As the engine sends them; closed in any case.
        expected: What the reply is expected to be.

    Raises:
        CallFailed: As ``clean_reply``; or what was sent turned out to be no part of the text.
    """
    growing = GrowingReply(expected)
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, str):
                if words := growing.add(piece):
                    yield words
            else:
                text = clean_reply(piece.text, expected)
                if rest := growing.rest_of(text, piece.text):
                    yield rest
                yield replace(piece, text=text)


class GrowingReply:
    """A reply that is cleaned while it grows.

    Args:
        expected: What it is expected to be.

    Attributes:
        sent: The words returned so far.
    """

    def __init__(self, expected: Expected) -> None:
        self.sent = ""
        self._expected = expected
        self._speech = Speech(expected)
        self._place: int | None = None

    def add(self, piece: str) -> str:
        """The words that are certain once a piece is added; "" for none."""
        self._speech.add(piece)
        if self._speech.n_taken_back and self.sent:
            return ""  # ``rest_of`` raises, once the tokens of the whole reply are known
        text = self._text()
        words = text[len(self.sent) : self._settled(text)]
        self.sent += words
        return words

    def rest_of(self, text: str, reply: str) -> str:
        """The words of the cleaned reply that were not returned yet.

        Raises:
            CallFailed: Other words were returned before.
        """
        if not text.startswith(self.sent):
            raise CallFailed(
                "what was streamed turned out to be no part of the text: the model's thoughts came without an opening "
                "tag; start the engine with its reasoning parser, or ask without streaming",
                reply,
            )
        return text[len(self.sent) :]

    def _text(self) -> str:
        """The reply from the beginning of the text on; "" while that is not known."""
        said = self._speech.said
        if self._expected.kind == "answer":
            return trimmed(said)
        if not self.sent:
            self._place = beginning_of(said, self._expected, last=False)
        return "" if self._place is None else said[self._place :]

    def _settled(self, text: str) -> int:
        """Number of characters of the text that nothing can change any more."""
        if not self.sent and (_may_be_thoughts(text) or self._may_be_none(text)):
            return 0
        return len(text) if self._expected.kind == "answer" else settled_to(text, len(self.sent), self._expected)

    def _may_be_none(self, text: str) -> bool:
        """Whether a beginning may turn out to be a refusal, or to stand in quotation marks."""
        if self._expected.kind == "answer":
            return False
        refusal = len(text) <= SHORT_CHARS and framing_of(self._expected).refusal.match(text, partial=True)
        return bool(refusal) or may_be_wrapped(text)


def _may_be_thoughts(text: str) -> bool:
    return THINKS_ALOUD.match(text, partial=True) is not None
