"""The cleaning of replies: from what a model sent to the words that are kept, shown and compared.

The journal keeps replies as they came, so a better cleaning needs no new call. What is left without words, thoughts that
were never ended, and a refusal are failed calls with the reply in them, never a text. Cleaning twice changes nothing.
"""

from unlike.errors import CallFailed
from unlike.writing.around import beginning_of, remarks_from, unwrapped
from unlike.writing.expected import ANSWER, Expected
from unlike.writing.framing import REFUSAL
from unlike.writing.speech import Speech

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
    words, before = reply, None
    while words != before:
        before, words = words, _cleaned_once(words, reply, expected)
    if not words:
        raise CallFailed("the reply holds nothing but thoughts or framing; no text is left of it", reply)
    if is_refusal(words, expected):
        raise CallFailed("the model refused to write; its reply is a refusal, not a text", reply)
    return words


def is_refusal(words: str, expected: Expected) -> bool:
    """Whether a model's words are nothing but its refusal to write what it was asked for."""
    return expected.kind != "answer" and len(words) <= SHORT_CHARS and REFUSAL.match(words) is not None


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
