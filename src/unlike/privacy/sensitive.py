"""Sensitive statements: what a profile does not say about a person unless it is allowed.

The categories are among those of special protection (GDPR, article 9): health, belief, politics, origin, sexuality.
A statement is held back by the English words and phrases of ``lexicon.toml``, which say such a thing of a person.
Words with an everyday use ("sick beat", "religiously", "cured my boredom") count only in a phrase about people. In
doubt a statement is held back: a profile can do without it.

In eleven other languages the plainest words hold a statement back (``other_languages.toml``).

This is a minimum and not a guarantee: it knows these languages only, and what is said in other words ("counts the days since his
last drink") passes. Of 25 such sentences written without a look at the lexicon it holds back 15, of 25 innocent ones
none (``tests/privacy/test_sensitive.py``). A statement about an item ("a record on her cancer") is held back
too, as if it were about the person.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from unlike.language import UNSPACED_CHAR

Sensitive = Literal["health", "belief", "politics", "origin", "sexuality"]
SENSITIVE: tuple[Sensitive, ...] = get_args(Sensitive)

_CLAUSE_END = r"(?=\s*(?:[.,;:!?)]|$|(?:and|but|or|by|who|on)\b))"


def held_back(statement: str) -> Sensitive | None:
    """The sensitive kind of a statement, the first of SENSITIVE that matches; None for none."""
    patterns, plain = _patterns(), statement.replace("’", "'")
    remaining = patterns["innocent"].sub("-", plain)
    found: Sensitive | None = next((name for name in SENSITIVE if patterns[name].search(remaining)), None)
    return found or next((name for name, pattern in _other_languages().items() if pattern.search(plain)), None)


@cache
def _other_languages() -> dict[Sensitive, re.Pattern[str]]:
    """One pattern a category, over all languages: of words by their beginnings, of characters anywhere."""
    text = files("unlike.privacy").joinpath("other_languages.toml").read_text(encoding="utf-8")
    lexicon: dict[str, dict[str, list[str]]] = tomllib.loads(text)
    found = dict[Sensitive, re.Pattern[str]]()
    for name in SENSITIVE:
        stems = [_stem(stem) for language in lexicon.values() for stem in language[name]]
        found[name] = re.compile(_any_of(stems), re.IGNORECASE)
    return found


def _stem(stem: str) -> str:
    return re.escape(stem) if UNSPACED_CHAR.search(stem) else rf"(?<!\w){re.escape(stem)}"


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """One pattern a category and one of what is innocent, from the lexicon."""
    lexicon = tomllib.loads(files("unlike.privacy").joinpath("lexicon.toml").read_text(encoding="utf-8"))
    words = {name: _any_of(phrases) for name, phrases in lexicon["words"].items()}
    lists = {**lexicon["held_back"], "innocent": lexicon["innocent"]["phrases"]}
    return {name: _compiled(phrases, words) for name, phrases in lists.items()}


def _compiled(phrases: list[str], words: dict[str, str]) -> re.Pattern[str]:
    pattern = _any_of(phrases).replace("$", _CLAUSE_END)
    for name, alternatives in words.items():
        pattern = pattern.replace(f"<{name}>", alternatives)
    return re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE)


def _any_of(phrases: list[str]) -> str:
    return f"(?:{'|'.join(phrases)})"
