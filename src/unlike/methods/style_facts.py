"""How a text is written, in figures, and the habits of a user that they show, without an LLM's judgement.

The figures are plain counts, and Flesch's reading ease (Flesch, "A new readability yardstick", 1948) by a rule of thumb
for syllables. Reading ease and first person are made for English; in other languages they still compare like with like.
There is no sentiment: its lexicons are no longer maintained, and a rating is more reliable. A habit is a figure or a word in
which a user's texts differ clearly from others' texts on the same items.
"""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from unlike.language import SENTENCE_END
from unlike.records import Record

VARIETY_WORDS = 50
"""Variety is measured over this many words, since a longer text repeats more of its words."""
MIN_OWN, MIN_OTHERS = 2, 3
"""Minimum number of texts of the user and of others; with fewer there are no habits."""
CLEAR_SD = 0.8
"""A figure is a habit when the user's mean lies at least this many standard deviations of the others from their mean."""
CLEAR_ERRORS = 3.0
"""And at least this many standard errors of that distance, so that a few unusual texts are no habit."""
MAX_HABITS = 6
CLEAR_SHARE = 0.4
"""A word is a habit when its share of the user's texts exceeds its share of the others' texts by at least this."""
MIN_TEXTS = 3
"""And when it is in at least so many of the user's texts: two may share a word by chance."""
MAX_WORDS = 8

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CLOSING = " \"'”’)]"
_INSIDE_SENTENCE = re.compile(r"(?<=[^\W\d_] |[,;:] )[^\W\d_]+(?:['’][^\W\d_]+)*")
"""A word inside a sentence."""
_VOWELS = re.compile(r"[aeiouy]+")
_I = frozenset(("i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves"))


@dataclass(frozen=True, slots=True)
class StyleFacts:
    """Figures of one text, or the means of several.

    Attributes:
        length: Words.
        sentence: Words per sentence.
        exclaimed: Share of sentences that end in an exclamation mark.
        asked: Share of sentences that end in a question mark.
        capitals: Share of words in capitals.
        uncapitalised: Share of sentences that begin with a small letter.
        trailing: Share of sentences that end in dots or an ellipsis.
        brackets: Pairs of brackets per sentence.
        first_person: Share of words that refer to the writer.
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


def means(facts: Sequence[StyleFacts], min_ratings: int) -> StyleFacts:
    """The means of several texts' figures; no rating where fewer than ``min_ratings`` texts have one."""
    ratings = [one.rating for one in facts if one.rating is not None]
    names = [field.name for field in fields(StyleFacts) if field.name != "rating"]
    mean = {name: sum(getattr(one, name) for one in facts) / len(facts) for name in names}
    return StyleFacts(**mean, rating=sum(ratings) / len(ratings) if len(ratings) >= min_ratings else None)


def figures_beside(others: StyleFacts, own: StyleFacts) -> str:
    """The figures of others next to those of a person, one per line."""
    lines = list[str]()
    for name, (what, shown) in _FIGURE_NAMES.items():
        theirs, mine = getattr(others, name), getattr(own, name)
        if theirs is not None and mine is not None:
            lines.append(f"{what}: {shown(theirs)}; this person: {shown(mine)}")
    return "\n".join(lines)


def vocabulary(text: str) -> set[str]:
    """The different words of a text, in lower case."""
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


_FIGURE_NAMES: dict[str, tuple[str, Callable[[float], str]]] = {
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
"""The name of each figure, and how it is shown: rounded, since exact figures would reveal single people of a group."""


@dataclass(frozen=True, slots=True)
class Habit:
    """A figure in which the user differs clearly.

    Attributes:
        figure: Name of a field of StyleFacts.
        own: Mean over the user's texts.
        others: Mean over the others' texts.
        distance_sd: Signed distance of the two, in standard deviations of the others.
        distance_errors: The same in standard errors of the difference of the two means.
    """

    figure: str
    own: float
    others: float
    distance_sd: float
    distance_errors: float


def habits_of(own: Sequence[Record], others: Sequence[Record]) -> list[Habit]:
    """The figures in which a user's texts differ clearly from others' texts, the clearest first.

    Args:
        own: The user's records.
        others: Records of other users, on the same items where there are any.
    """
    if len(own) < MIN_OWN or len(others) < MIN_OTHERS:
        return []
    mine, theirs = [facts_of(record) for record in own], [facts_of(record) for record in others]
    found = [
        _habit(name, mine, theirs) for name in (field.name for field in fields(StyleFacts)) if name in _HABIT_TEXTS
    ]
    clear = [
        habit for habit in found if abs(habit.distance_sd) >= CLEAR_SD and abs(habit.distance_errors) >= CLEAR_ERRORS
    ]
    return sorted(clear, key=lambda habit: -abs(habit.distance_sd))[:MAX_HABITS]


def habit_sentences(habits: Sequence[Habit]) -> list[str]:
    """Habits as sentences, one each."""
    return [_HABIT_TEXTS[habit.figure](habit) for habit in habits]


def favourite_words(own: Sequence[Record], others: Sequence[Record], known: str = "") -> list[str]:
    """Words that recur in the user's texts and are rare in the others', the clearest first.

    Args:
        own: The user's records.
        others: Records of other users.
        known: Text whose words do not count: titles and descriptions of the items. Names do not count either.
    """
    if len(own) < MIN_OWN or len(others) < MIN_OTHERS:
        return []
    mine, theirs = _shares(own, MIN_TEXTS), _shares(others)
    gains = {word: share - theirs.get(word, 0.0) for word, share in mine.items()}
    left_out = vocabulary(known) | _names(own)
    clear = [word for word, gain in gains.items() if gain >= CLEAR_SHARE and len(word) > 1 and word not in left_out]
    return sorted(clear, key=lambda word: (-gains[word], word))[:MAX_WORDS]


def _habit(name: str, mine: Sequence[StyleFacts], theirs: Sequence[StyleFacts]) -> Habit:
    own, others = getattr(means(mine, 1), name), getattr(means(theirs, 1), name)
    floor = _SMALLEST_SD.get(name, 0.05)
    spread = max(floor, statistics.pstdev(getattr(one, name) for one in theirs))
    own_spread = max(floor, statistics.pstdev(getattr(one, name) for one in mine))
    error = (own_spread**2 / len(mine) + spread**2 / len(theirs)) ** 0.5
    return Habit(name, own, others, (own - others) / spread, (own - others) / error)


def _shares(records: Sequence[Record], min_texts: int = 2) -> dict[str, float]:
    """The share of the texts that each word is in; a word of fewer texts does not count."""
    counts = Counter(word for record in records for word in vocabulary(record.text))
    return {word: count / len(records) for word, count in counts.items() if count >= min_texts}


def _names(records: Sequence[Record]) -> set[str]:
    """The words that inside sentences always begin with one capital letter; in German these are all nouns."""
    inside = {word.replace("’", "'") for record in records for word in _INSIDE_SENTENCE.findall(record.text)}
    capitalised = {word.lower() for word in inside if word[0].isupper() and not word.isupper()}
    return capitalised - {word for word in inside if word[0].islower()}


def _length(habit: Habit) -> str:
    kind = "short" if habit.own < habit.others else "long"
    return f"The texts are {kind}: about {habit.own:.0f} words, where others write {habit.others:.0f}."


def _sentence(habit: Habit) -> str:
    kind = "Short" if habit.own < habit.others else "Long"
    return f"{kind} sentences, about {habit.own:.0f} words each, where others write {habit.others:.0f}."


def _share_of_sentences(what: str) -> Callable[[Habit], str]:
    return lambda habit: f"{_amount(habit)} {what} ({habit.own:.0%}, with others {habit.others:.0%})."


def _amount(habit: Habit) -> str:
    """A share of sentences in words: what is seldom is "sometimes" where others do it still less."""
    few = "Sometimes" if habit.own > habit.others else "Rarely"
    steps = ((0.02, "Never"), (0.2, few), (0.5, "Often"), (0.9, "Mostly"))
    return next((word for limit, word in steps if habit.own < limit), "Always")


def _more_or_less(more: str, less: str) -> Callable[[Habit], str]:
    return lambda habit: more if habit.distance_sd > 0 else less


_HABIT_TEXTS: dict[str, Callable[[Habit], str]] = {
    "length": _length,
    "sentence": _sentence,
    "uncapitalised": _share_of_sentences("begins sentences with a small letter"),
    "exclaimed": _share_of_sentences("ends sentences with an exclamation mark"),
    "asked": _share_of_sentences("asks questions"),
    "trailing": _share_of_sentences("lets sentences trail off in dots"),
    "capitals": _more_or_less("Writes single words in CAPITALS.", "Writes no words in capitals."),
    "brackets": _more_or_less("Adds asides in brackets.", "Uses no brackets."),
    "first_person": _more_or_less("Speaks much of self: I, my, we.", "Hardly ever says I or my."),
    "ease": _more_or_less("Plain, short words.", "Long, learned words."),
}
"""The sentence for each figure; a figure that is not here is no habit that a writer could follow."""
_SMALLEST_SD = {"length": 10.0, "sentence": 1.0, "ease": 5.0, "brackets": 0.1, "capitals": 0.01, "first_person": 0.01}
"""Minimum spread: where others all write alike, any small difference would otherwise be a habit."""
