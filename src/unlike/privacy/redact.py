"""Redaction: what could be used to find or reach a person leaves a text before it is written anywhere.

An address, number or handle becomes its kind in brackets ("[email]"); every other character stays, because case,
punctuation and wording are the style that profiles are made of. The invariant: redacting twice changes nothing.

Identifiers are recognised by form alone, so this is a minimum and not a guarantee: "jane at example dot com", a number spelled
out, a local phone number without its area code and a person's name all stay. Four numbers with dots between them
("version 1.2.3.4") count as an IP address.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from unlike.errors import InputError, MissingPart, how_to_install

Finder = Callable[[str], Iterable[tuple[int, int]]]

MAX_PASSES = 8
"""Over a text; only an adversarial text needs more."""
_WORTH_A_LOOK = re.compile(r"[\d@＠]|://|www\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without identifiers.

    Attributes:
        found: How many of each kind were in it; a kind that was not is not named.
    """

    text: str
    found: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes identifiers out of texts: one finder per kind, in their order; each sees what the ones before it left.

    Args:
        finders: Kind to where it is found; empty to leave texts as they are. Each span holds a digit, "@", "://" or "www.".
    """

    finders: Mapping[str, Finder]

    def redact(self, text: str) -> Redacted:
        """The text with the kind in brackets for each identifier.

        It goes over the text until there is nothing left to find, since taking one thing out can uncover another
        ("a@b.com@c"). A text that still changes after ``MAX_PASSES`` is adversarial: then all words with a digit or a sign of an
        identifier are removed.
        """
        found: Counter[str] = Counter()
        for n_passes in range(MAX_PASSES + 1):
            if not _WORTH_A_LOOK.search(text):
                break
            finders = self.finders if n_passes < MAX_PASSES else {"unknown": _suspects}
            before = text
            for kind, finder in finders.items():
                text, n_found = _replaced(text, finder, f"[{kind}]")
                found[kind] += n_found
            if text == before:
                break
        return Redacted(text, dict(+found))


def open_redactor(name: str) -> Redactor:
    """A redactor by its name: "patterns" or "none".

    Raises:
        InputError: There is no redactor of that name.
        MissingPart: The libraries that it needs are not installed.
    """
    if name not in _REDACTORS:
        raise InputError(f"redactor cannot be opened: {name!r} seen; allowed are {', '.join(_REDACTORS)}; choose one")
    return _REDACTORS[name]()


def _patterns() -> Redactor:
    missing = [module for module in ("phonenumbers", "stdnum") if find_spec(module) is None]
    if missing:
        raise MissingPart(
            f'redactor "patterns" needs {" and ".join(missing)}, not installed: {how_to_install("service")}'
        )
    from unlike.privacy.identifiers import FINDERS

    return Redactor(FINDERS)


_REDACTORS: dict[str, Callable[[], Redactor]] = {"patterns": _patterns, "none": lambda: Redactor({})}


def _suspects(text: str) -> Iterable[tuple[int, int]]:
    """Words with a digit or a sign of an identifier."""
    return (word.span() for word in re.finditer(r"\S+", text) if _WORTH_A_LOOK.search(word.group()))


def _replaced(text: str, finder: Finder, name: str) -> tuple[str, int]:
    """The text with ``name`` for each stretch found, and how many; stretches that overlap are one."""
    pieces: list[str] = []
    end = 0
    n_found = 0
    for start, stop in sorted(finder(text)):
        if start >= end:
            pieces += (text[end:start], name)
            n_found += 1
        end = max(end, stop)
    return ("".join((*pieces, text[end:])), n_found) if n_found else (text, 0)
