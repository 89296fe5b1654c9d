"""How texts are shown in reports: without unprintable characters, shortened, with shared words marked."""

import re

from unlike.stop_words import STOP_WORDS

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text with a replacement character for what no page can show (control characters, lone surrogates)."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def shorten(text: str, max_chars: int) -> str:
    """The text on one line, cut with an ellipsis where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def two_lines(text: str, max_chars: int) -> list[str]:
    """The text on at most two lines of about the same length, with an ellipsis where even they are too short."""
    parts = text.split()
    if len(parts) < 2 or len(" ".join(parts)) <= max_chars:
        return [shorten(text, max_chars)]
    splits = [(" ".join(parts[:place]), " ".join(parts[place:])) for place in range(1, len(parts))]
    return [shorten(half, max_chars) for half in min(splits, key=lambda halves: max(map(len, halves)))]


def shared_words(text: str, reference: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is a word that the reference has too.

    Case is ignored, and stop words are not marked. The pieces joined are the text.
    """
    known = {_folded(word) for word in _WORD.findall(reference)} - STOP_WORDS
    pieces: list[tuple[str, bool]] = []
    end = 0
    for word in _WORD.finditer(text):
        if _folded(word.group()) in known:
            if word.start() > end:
                pieces.append((text[end : word.start()], False))
            pieces.append((word.group(), True))
            end = word.end()
    return [*pieces, (text[end:], False)] if end < len(text) else pieces


def _folded(word: str) -> str:
    return word.casefold().replace("’", "'")
