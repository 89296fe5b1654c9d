r"""A profile as lines of text that a person edits, and back.

One statement per line; "#" begins a comment and "!" a pinned statement. A statement that itself begins with one of these
or with a backslash gets a backslash in front.
"""

from collections.abc import Sequence

from unlike.errors import InputError
from unlike.memory.answers import Evidence

COMMENT, PIN, ESCAPE = MARKS = ("#", "!", "\\")


def as_lines(user_id: str, statements: Sequence[Evidence]) -> str:
    """The text to edit."""
    lines = [
        f"# What is known of {_flat(user_id)}: one statement per line.",
        "# ! before a statement pins it: it stays when the profile is rebuilt. Lines that begin with # are ignored.",
        "# An unchanged statement keeps its evidence; a changed one counts as written by hand.",
    ]
    lines += [(f"{PIN} " if one.pinned else "") + _escaped(_flat(one.text)) for one in statements]
    return "\n".join(lines) + "\n"


def statements_in(text: str, before: Sequence[Evidence]) -> list[Evidence]:
    """The statements of an edited text.

    Args:
        text: As ``as_lines`` writes it.
        before: The statements before the edit; unchanged ones keep their exact text.

    Raises:
        InputError: There is no statement.
    """
    known = {_flat(one.text): one.text for one in before}
    lines = [line.strip() for line in text.splitlines()]
    found = [_statement(line) for line in lines if line and not line.startswith(COMMENT)]
    statements = [Evidence(known.get(words, words), pinned=pinned) for words, pinned in found if words]
    if not statements:
        raise InputError("the text has no statement, so nothing was changed; a profile needs at least one")
    return statements


def _statement(line: str) -> tuple[str, bool]:
    words = line.removeprefix(PIN).strip()
    return words.removeprefix(ESCAPE), words != line


def _escaped(words: str) -> str:
    return f"{ESCAPE}{words}" if words.startswith(MARKS) else words


def _flat(text: str) -> str:
    return " ".join(text.split())
