"""How a text is written, in figures: what can be said of a manner of writing without an LLM's judgement.

The figures are plain counts, and Flesch's reading ease (Flesch, "A new readability yardstick", 1948) by a rule of thumb
for syllables. Reading ease and first person are made for English; in other languages they still compare like with like.
There is no sentiment: the lexicons there are for it are no longer looked after, and a rating says more.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from unlike.language import SENTENCE_END
from unlike.records import Record

VARIETY_WORDS = 50
"""Variety is taken over so many words, for in a longer text words come back more often."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CLOSING = " \"'”’)]"
_VOWELS = re.compile(r"[aeiouy]+")
_I = frozenset(("i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves"))


@dataclass(frozen=True, slots=True)
class StyleFacts:
    """Figures of one text, or the means of several.

    Attributes:
        length: Words.
        sentence: Words a sentence.
        exclaimed: Share of sentences that end in an exclamation mark.
        asked: Share of sentences that end in a question mark.
        capitals: Share of words in capitals.
        uncapitalised: Share of sentences that begin with a small letter.
        trailing: Share of sentences that end in dots or an ellipsis.
        brackets: Pairs of brackets per sentence.
        first_person: Share of words that stand for the writer.
        variety: Share of different words among the first VARIETY_WORDS.
        ease: Flesch's reading ease: 0 is hard, 100 easy.
        rating: Of the item, where it was given.
    """

    length: float
    sentence: float
    exclaimed: float
    asked: float
    capitals: float
    uncapitalised: float
    trailing: float
    brackets: float
    first_person: float
    variety: float
    ease: float
    rating: float | None = None


def facts_of(record: Record) -> StyleFacts:
    """The figures of a record."""
    words = _WORD.findall(record.text)
    sentences = [part.rstrip(_CLOSING) for part in SENTENCE_END.split(record.text) if _WORD.search(part)]
    lower = [word.lower().replace("’", "'") for word in words]
    n_words, n_sentences = max(1, len(words)), max(1, len(sentences))
    return StyleFacts(
        length=len(words),
        sentence=len(words) / n_sentences,
        exclaimed=sum(sentence.endswith("!") for sentence in sentences) / n_sentences,
        asked=sum(sentence.endswith("?") for sentence in sentences) / n_sentences,
        capitals=sum(word.isupper() and len(word) > 1 for word in words) / n_words,
        uncapitalised=sum(_begins_small(sentence) for sentence in sentences) / n_sentences,
        trailing=sum(sentence.endswith(("..", "…")) for sentence in sentences) / n_sentences,
        brackets=record.text.count("(") / n_sentences,
        first_person=sum(word.partition("'")[0] in _I for word in lower) / n_words,
        variety=len(set(lower[:VARIETY_WORDS])) / max(1, len(lower[:VARIETY_WORDS])),
        ease=_reading_ease(lower, n_sentences),
        rating=record.rating,
    )


def means(facts: Sequence[StyleFacts], fewest: int) -> StyleFacts:
    """The means of several texts' figures; no rating where fewer than ``fewest`` gave one."""
    ratings = [one.rating for one in facts if one.rating is not None]
    names = [field.name for field in fields(StyleFacts) if field.name != "rating"]
    mean = {name: sum(getattr(one, name) for one in facts) / len(facts) for name in names}
    return StyleFacts(**mean, rating=sum(ratings) / len(ratings) if len(ratings) >= fewest else None)


def told(others: StyleFacts, own: StyleFacts) -> str:
    """The figures of others next to those of a person, one a line."""
    lines = list[str]()
    for name, (what, shown) in _TOLD.items():
        theirs, mine = getattr(others, name), getattr(own, name)
        if theirs is not None and mine is not None:
            lines.append(f"{what}: {shown(theirs)}; this person: {shown(mine)}")
    return "\n".join(lines)


def vocabulary(text: str) -> set[str]:
    """The different words of a text, in small letters."""
    return {word.lower().replace("’", "'") for word in _WORD.findall(text)}


def _begins_small(sentence: str) -> bool:
    first = next((char for char in sentence if char.isalpha()), "")
    return first.islower()


def _reading_ease(words: Sequence[str], n_sentences: int) -> float:
    """206.835 - 1.015 words / sentences - 84.6 syllables / words, within 0 and 100."""
    if not words:
        return 0.0
    syllables = sum(_syllables(word) for word in words)
    return min(100.0, max(0.0, 206.835 - 1.015 * len(words) / n_sentences - 84.6 * syllables / len(words)))


def _syllables(word: str) -> int:
    silent = word.endswith("e") and not word.endswith("le")
    return max(1, len(_VOWELS.findall(word)) - silent)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _share(value: float) -> str:
    return f"{value:.0%}"


_TOLD: dict[str, tuple[str, Callable[[float], str]]] = {
    "rating": ("rating", _number),
    "length": ("length in words", _number),
    "sentence": ("words a sentence", _number),
    "exclaimed": ("sentences with an exclamation mark", _share),
    "asked": ("sentences with a question mark", _share),
    "capitals": ("words in capitals", _share),
    "uncapitalised": ("sentences that begin with a small letter", _share),
    "trailing": ("sentences that trail off in dots", _share),
    "brackets": ("brackets per sentence", _number),
    "first_person": ("words in the first person", _share),
    "variety": (f"different words among the first {VARIETY_WORDS}", _share),
    "ease": ("reading ease (0 hard, 100 easy)", _number),
}
"""What each figure is called, and how it is shown; rounded, since more would tell of the people and not of the group."""
