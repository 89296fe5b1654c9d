"""Words and sentences in any script, and the kind of language of a set of texts.

English is measured with the settings of the papers, which treat only a to z as letters. Other texts are split here: in
scripts without spaces (Chinese, Japanese, Thai) each character is a word; elsewhere a word is a run of letters, combining
marks and digits.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

import regex

Language = Literal["english", "spaced", "chinese", "unspaced"]
"""How texts are split: as in the papers, into words between spaces, or into characters (of Chinese, of other scripts)."""

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"


def word_of(letters: str) -> regex.Pattern[str]:
    """A pattern of words of the given characters; in scripts without spaces each character, with its marks, is a word."""
    some = rf"[[{letters}]--[{_UNSPACED}]]+"
    return regex.compile(rf"{some}(?:['’]{some})*|[{_UNSPACED}]\p{{M}}*", flags=regex.V1)


WORD = word_of(r"\p{L}\p{M}\p{N}")
ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
"""``WORD`` for lower-case ASCII, in a third of the time."""
PIECE = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|[^\s{_UNSPACED}]+", flags=regex.V1)
"""A run between white space; in scripts without spaces a character."""
SENTENCE_END = re.compile(r"(?<=[.!?…؟۔।])[\"'”’)\]]*\s+|(?<=[。！？｡])[\"'”’」』）)\]]*\s*(?![。！？｡])|\n+")
"""Between two sentences: white space after a mark, and nothing after the marks of scripts without spaces."""
_ENDS_SENTENCE = re.compile(r"[.!?…؟۔।][\"'”’»)\]*]*(?=\s)|[。！？｡]+[\"'”’」』）)\]]*")
_QUOTED = re.compile(
    r"(?<!\w)\"[^\"]{1,200}\"|“[^”]{1,200}”|«[^»]{1,200}»|„[^“”]{1,200}[“”]|「[^」]{1,200}」|『[^』]{1,200}』"
)
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|cf|vs|approx|incl|esp|Mr|Mrs|Ms|Dr|St|No)|\b[A-Z])\.$")

_SAMPLE_CHARS = 100_000
"""Larger sets of texts are sampled: every second text, every third, and so on."""
_LETTER = regex.compile(r"\p{L}")
_ASCII_LETTER = re.compile("[A-Za-z]")
_HAN = regex.compile(r"\p{Han}")
UNSPACED_CHAR = regex.compile(rf"[{_UNSPACED}]", flags=regex.V1)
_MAX_FOREIGN_SHARE = 0.004
"""Of letters beyond a to z in English ("café"). Of related languages German has the lowest share, 0.015."""
_MIN_UNSPACED_SHARE = 0.15
"""Of characters in scripts without spaces. Each is a word, which has five letters elsewhere: they are half of the words."""
_FUNCTION_WORDS = frozenset(  # of English, and of few related languages
    ["the", "and", "of", "to", "it", "for", "this", "that", "with", "but", "you", "not", "are", "they", "have"]
)
_MIN_WORDS, _MIN_FUNCTION_SHARE = 200, 0.05
"""A text of at least so many words is English only with this share of function words."""


def language_of(texts: Sequence[str]) -> Language:
    """The language by which texts are split, one for all of them, so that their values can be compared."""
    every = 1 + sum(map(len, texts)) // _SAMPLE_CHARS
    text = " ".join(texts[::every])
    n = len(_LETTER.findall(text))
    n_unspaced = len(UNSPACED_CHAR.findall(text))
    if n_unspaced > _MIN_UNSPACED_SHARE * n:
        return "chinese" if len(_HAN.findall(text)) == n_unspaced else "unspaced"
    n_foreign = n - n_unspaced - len(_ASCII_LETTER.findall(text))
    return "english" if n_foreign <= _MAX_FOREIGN_SHARE * n and _may_be_english(text) else "spaced"


def _may_be_english(text: str) -> bool:
    """Whether a text is short, or has a share of function words as in English."""
    found = ASCII_WORD.findall(text.lower())
    common = sum(word in _FUNCTION_WORDS for word in found)
    return len(found) < _MIN_WORDS or common >= _MIN_FUNCTION_SHARE * len(found)


def words(text: str) -> list[str]:
    """The words of a text, normalised by ``normalised``."""
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    return [normalised(word) for word in WORD.findall(text)]


def normalised(word: str) -> str:
    """A word without differences of case, character width and form of the apostrophe."""
    return unicodedata.normalize("NFKC", word.replace("’", "'").casefold())


def runs_of(words: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Each run of n words, in their order."""
    return zip(*(islice(words, start, None) for start in range(n)), strict=False)


def pieces(text: str) -> list[str]:
    """The units in which the length of a text is counted: runs between white space, or characters in scripts without it."""
    return text.split() if text.isascii() else PIECE.findall(text)


def sentences_in(line: str) -> list[str]:
    """The sentences of a line, each with its closing quotation mark.

    No sentence ends inside a quotation, after one that continues in lower case, or at the full stop of an abbreviation.
    """
    quoted = [found.span() for found in _QUOTED.finditer(line)]
    parts, start = list[str](), 0
    for found in _ENDS_SENTENCE.finditer(line):
        end = found.end()
        ends = [last for first, last in quoted if first < found.start() < last]
        goes_on = bool(ends) and (end < ends[0] or line[end:].lstrip()[:1].islower())
        if not goes_on and not _ABBREVIATION.search(line[start:end]):
            parts.append(line[start:end])
            start = end
    return [part.strip() for part in (*parts, line[start:]) if part.strip()]


def as_whole_words(phrase: str) -> str:
    """A regular expression that finds a phrase only where it is not part of a longer word.

    At an end that is punctuation or a character of a script without spaces, anything may follow.
    """
    ends = [bool(re.match(r"\w", end)) and not UNSPACED_CHAR.match(end) for end in (phrase[:1], phrase[-1:])]
    return (r"(?<!\w)" if ends[0] else "") + re.escape(phrase) + (r"(?!\w)" if ends[1] else "")


def first_words(text: str, n: int | None) -> str:
    """A text up to its first ``n`` pieces, white space between them as it was; the whole text for None."""
    if n is None:
        return text
    last = next(islice(PIECE.finditer(text), n - 1, None), None)
    return text[: last.end()] if last else text
