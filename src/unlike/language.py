"""Words and sentences in any script, and which way of splitting a set of texts needs.

English is measured with the settings of the papers, which know no letters but a to z. All other texts are split here: in
scripts without spaces (Chinese, Japanese, Thai) each character counts as a word, and elsewhere a word is a run of letters,
their marks and digits.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

import regex

Language = Literal["english", "spaced", "chinese", "unspaced"]
"""How texts are split: as the papers do, in words between spaces, or in characters (of Chinese, of other scripts)."""

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"


def word_of(letters: str) -> regex.Pattern[str]:
    """A word of certain characters; in scripts without spaces each one, with its marks, is a word."""
    some = rf"[[{letters}]--[{_UNSPACED}]]+"
    return regex.compile(rf"{some}(?:['’]{some})*|[{_UNSPACED}]\p{{M}}*", flags=regex.V1)


WORD = word_of(r"\p{L}\p{M}\p{N}")
ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
"""The same of lower-case ASCII, in a third of the time."""
PIECE = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|[^\s{_UNSPACED}]+", flags=regex.V1)
"""What stands between white space; in scripts without spaces a character."""
SENTENCE_END = re.compile(r"(?<=[.!?…؟۔।])[\"'”’)\]]*\s+|(?<=[。！？｡])[\"'”’」』）)\]]*\s*(?![。！？｡])|\n+")
"""Between two sentences: white space after a mark, and nothing after the marks of scripts without spaces."""

_ENOUGH_CHARS = 100_000
"""Of more, every second text is looked at, or every third, and so on."""
_LETTER = regex.compile(r"\p{L}")
_ASCII_LETTER = re.compile("[A-Za-z]")
_IDEOGRAM = regex.compile(r"\p{Han}")
NO_SPACES = regex.compile(rf"[{_UNSPACED}]", flags=regex.V1)
_FOREIGN_LETTERS = 0.004
"""English texts have fewer letters beyond a to z ("café"); German, the poorest in them of its neighbours, has 0.015."""
_MANY = 0.15
"""A Chinese character is a word, which has five letters elsewhere; so few make half of the words."""
_FUNCTION_WORDS = frozenset(  # of English, and of few of its neighbours
    ["the", "and", "of", "to", "it", "for", "this", "that", "with", "but", "you", "not", "are", "they", "have"]
)
_SOME_WORDS, _FEW_FUNCTION_WORDS = 200, 0.05


def language_of(texts: Sequence[str]) -> Language:
    """How texts are to be split, decided once for all of them, so that their values can be compared."""
    every = 1 + sum(map(len, texts)) // _ENOUGH_CHARS
    text = " ".join(texts[::every])
    n = len(_LETTER.findall(text))
    n_unspaced = len(NO_SPACES.findall(text))
    if n_unspaced > _MANY * n:
        return "chinese" if len(_IDEOGRAM.findall(text)) == n_unspaced else "unspaced"
    n_foreign = n - n_unspaced - len(_ASCII_LETTER.findall(text))
    return "english" if n_foreign <= _FOREIGN_LETTERS * n and _may_be_english(text) else "spaced"


def _may_be_english(text: str) -> bool:
    """Whether a text has some of the words that English needs, where it has many words at all."""
    found = ASCII_WORD.findall(text.lower())
    common = sum(word in _FUNCTION_WORDS for word in found)
    return len(found) < _SOME_WORDS or common >= _FEW_FUNCTION_WORDS * len(found)


def words(text: str) -> list[str]:
    """The words of a text as they are compared: case, width and the form of the apostrophe do not count."""
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    return [compared(word) for word in WORD.findall(text)]


def compared(word: str) -> str:
    """A word as it is compared with others."""
    return unicodedata.normalize("NFKC", word.replace("’", "'").casefold())


def pieces(text: str) -> list[str]:
    """The parts of a text by which its length is counted: between white space, or characters where there is none."""
    return text.split() if text.isascii() else PIECE.findall(text)
