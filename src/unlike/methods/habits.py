"""Habits of a writer that were measured: figures and words in which a user stands apart from others on the same items."""

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from unlike.methods.style_facts import StyleFacts, facts_of, means, vocabulary
from unlike.records import Record

MIN_OWN, MIN_OTHERS = 2, 3
"""Minimum number of texts of the user and of others; from fewer nothing is said."""
CLEAR_SD = 0.8
"""A figure is a habit when the user's mean lies at least this many standard deviations of the others from their mean."""
CLEAR_ERRORS = 3.0
"""And at least this many standard errors of that distance, so that a few odd texts are no habit."""
MAX_HABITS = 6
CLEAR_SHARE = 0.4
"""A word is a habit when its share of the user's texts exceeds its share of the others' texts by at least this."""
MAX_WORDS = 8


@dataclass(frozen=True, slots=True)
class Habit:
    """A figure in which the user stands apart.

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
    """The figures in which a user's texts stand apart from others' texts, the clearest first.

    Args:
        own: The user's records.
        others: Records of other users, on the same items where there are any.
    """
    if len(own) < MIN_OWN or len(others) < MIN_OTHERS:
        return []
    mine, theirs = [facts_of(record) for record in own], [facts_of(record) for record in others]
    found = [_habit(name, mine, theirs) for name in (field.name for field in fields(StyleFacts)) if name in _SAID]
    clear = [
        habit for habit in found if abs(habit.distance_sd) >= CLEAR_SD and abs(habit.distance_errors) >= CLEAR_ERRORS
    ]
    return sorted(clear, key=lambda habit: -abs(habit.distance_sd))[:MAX_HABITS]


def said(habits: Sequence[Habit]) -> list[str]:
    """Habits as sentences, one each."""
    return [_SAID[habit.figure](habit) for habit in habits]


def favourite_words(own: Sequence[Record], others: Sequence[Record], known: str = "") -> list[str]:
    """Words that come back in the user's texts and are rare in the others', the clearest first.

    Args:
        own: The user's records.
        others: Records of other users.
        known: Text whose words do not count: titles and descriptions of the items.
    """
    if len(own) < MIN_OWN or len(others) < MIN_OTHERS:
        return []
    mine, theirs = _shares(own), _shares(others)
    gains = {word: share - theirs.get(word, 0.0) for word, share in mine.items()}
    left_out = vocabulary(known)
    clear = [word for word, gain in gains.items() if gain >= CLEAR_SHARE and len(word) > 1 and word not in left_out]
    return sorted(clear, key=lambda word: (-gains[word], word))[:MAX_WORDS]


def _habit(name: str, mine: Sequence[StyleFacts], theirs: Sequence[StyleFacts]) -> Habit:
    own, others = getattr(means(mine, 1), name), getattr(means(theirs, 1), name)
    floor = _SMALLEST_SD.get(name, 0.05)
    spread = max(floor, statistics.pstdev(getattr(one, name) for one in theirs))
    own_spread = max(floor, statistics.pstdev(getattr(one, name) for one in mine))
    error = (own_spread**2 / len(mine) + spread**2 / len(theirs)) ** 0.5
    return Habit(name, own, others, (own - others) / spread, (own - others) / error)


def _shares(records: Sequence[Record]) -> dict[str, float]:
    """The share of the texts in which each word stands; a word of a single text is chance."""
    counts = Counter(word for record in records for word in vocabulary(record.text))
    return {word: count / len(records) for word, count in counts.items() if count > 1}


def _length(habit: Habit) -> str:
    kind = "short" if habit.own < habit.others else "long"
    return f"The texts are {kind}: about {habit.own:.0f} words, where others write {habit.others:.0f}."


def _sentence(habit: Habit) -> str:
    kind = "Short" if habit.own < habit.others else "Long"
    return f"{kind} sentences, about {habit.own:.0f} words each, where others write {habit.others:.0f}."


def _share(what: str) -> Callable[[Habit], str]:
    def say(habit: Habit) -> str:
        amount = _amount(habit.own)
        return f"{amount} {what} ({habit.own:.0%}, with others {habit.others:.0%})."

    return say


def _amount(share: float) -> str:
    """A share of sentences in words."""
    steps = ((0.02, "Never"), (0.2, "Rarely"), (0.5, "Often"), (0.9, "Mostly"))
    return next((word for limit, word in steps if share < limit), "Always")


def _more_or_less(more: str, less: str) -> Callable[[Habit], str]:
    return lambda habit: more if habit.distance_sd > 0 else less


_SAID: dict[str, Callable[[Habit], str]] = {
    "length": _length,
    "sentence": _sentence,
    "uncapitalised": _share("begins sentences with a small letter"),
    "exclaimed": _share("ends sentences with an exclamation mark"),
    "asked": _share("asks questions"),
    "trailing": _share("lets sentences trail off in dots"),
    "capitals": _more_or_less("Writes single words in CAPITALS.", "Writes no words in capitals."),
    "brackets": _more_or_less("Adds asides in brackets.", "Uses no brackets."),
    "first_person": _more_or_less("Speaks much of self: I, my, we.", "Hardly ever says I or my."),
    "ease": _more_or_less("Plain, short words.", "Long, learned words."),
}
"""How each figure is said; one that is not here is no habit a writer could follow."""
_SMALLEST_SD = {"length": 10.0, "sentence": 1.0, "ease": 5.0, "brackets": 0.1, "capitals": 0.01, "first_person": 0.01}
"""Below this a spread is taken for chance: others who all write alike would make a habit of any small step."""
