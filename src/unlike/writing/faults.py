"""Faults of a reply: where it is not what its prompt asked for. They are looked for in the reply as it came.

A reply with a preface, without one of the dimensions or with the words of the item's description spoils what is made of it,
whatever the method. ``write`` asks again where the settings say so; ``benchmarks.compliance`` counts.
"""

import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterator

from unlike.errors import CallFailed
from unlike.language import language_of, words
from unlike.privacy.repeats import repeats
from unlike.writing.clean import clean_reply
from unlike.writing.dimensions import by_dimension
from unlike.writing.expected import Expected

NO_TEXT, FRAMING = "no text", "framing"
RETOLD_WORDS = 8
"""A run of so many words shared with the item's description retells it."""
LENGTH_FACTOR = 3
"""A text may be so many times shorter or longer than the median of the user's texts that were shown."""
MAX_MATERIAL_WORDS = 400
LOOP_WORDS, LOOP_TIMES = 4, 5
"""A run of so many words that comes so many times is a loop."""
CHARS_PER_WORD = 2
"""Characters that count as one word in scripts without spaces: about what a word of English says."""


def faults(reply: str, cut: bool, expected: Expected) -> tuple[str, ...]:
    """The names of what is wrong with a reply; () for one that does what was asked.

    Args:
        reply: As it came.
        cut: Whether the token limit cut it.
        expected: What was asked for; a text has the user's own texts and the description that the prompt showed.
    """
    try:
        text = clean_reply(reply, expected)
    except CallFailed:
        return (NO_TEXT,)
    found = _of_a_text if expected.kind == "text" else _of_material
    per_word = CHARS_PER_WORD if language_of([text]) in ("chinese", "unspaced") else 1
    return (*_of_any(reply, text, cut, per_word), *found(text, expected, per_word))


def lasting_faults(reply: str, cut: bool, expected: Expected) -> tuple[str, ...]:
    """The faults that cleaning leaves: all but framing; see ``faults``."""
    return tuple(fault for fault in faults(reply, cut, expected) if fault != FRAMING)


def _of_any(reply: str, text: str, cut: bool, per_word: int) -> Iterator[str]:
    if cut:
        yield "cut off"
    if _loops(text, LOOP_WORDS * per_word):
        yield "loop"
    if text != reply.strip():
        yield FRAMING


def _of_a_text(text: str, expected: Expected, per_word: int) -> Iterator[str]:
    if repeats(text, [expected.description], RETOLD_WORDS * per_word):
        yield "description retold"
    if not expected.past:
        return
    median = statistics.median(len(past) for past in expected.past)
    if not median / LENGTH_FACTOR <= len(text) <= median * LENGTH_FACTOR:
        yield "length"
    if _script(text) != _script(" ".join(expected.past)):
        yield "language"


def _of_material(text: str, expected: Expected, per_word: int) -> Iterator[str]:
    named = {name for name, said in by_dimension(text, expected.dimensions) if said.strip()}
    if not named.issuperset(expected.dimensions):
        yield "dimension missing"
    if len(words(text)) > MAX_MATERIAL_WORDS * per_word:
        yield "length"


def _loops(text: str, n_words: int) -> bool:
    tokens = words(text)
    runs = Counter(tuple(tokens[start : start + n_words]) for start in range(len(tokens) - n_words + 1))
    return max(runs.values(), default=0) >= LOOP_TIMES


def _script(text: str) -> str:
    """The script of most letters of a text, Japanese counted as Chinese; it distinguishes English from Chinese."""
    letters = (char for char in unicodedata.normalize("NFKC", text) if char.isalpha())
    scripts = Counter(unicodedata.name(letter, "").split(" ", 1)[0] for letter in letters)
    for kana in ("HIRAGANA", "KATAKANA"):
        scripts["CJK"] += scripts.pop(kana, 0)
    return max(scripts, key=lambda script: scripts[script], default="") if scripts.total() else ""
