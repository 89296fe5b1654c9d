"""Which words of a text the real text has as well, for the reader's eye; no metric."""

import re

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_STOP_TEXT = (
    "a about after all also am an and any are as at be been but by can could did do does for from get got had has have "
    "he her him his i i'm i've if in into is it it's its just me more most my no not of on one or our out she so some "
    "than that the their them then there these they this those to too up us very was we were what when which who will "
    "with would you your"
)
_STOP_WORDS = frozenset(_STOP_TEXT.split())


def shared_words(text: str, reference: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is a word that the reference has too.

    Case does not count, and words that every text has (stop words) are not marked. The pieces joined are the text.
    """
    known = {_folded(word) for word in _WORD.findall(reference)} - _STOP_WORDS
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
