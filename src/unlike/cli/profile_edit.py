r"""A profile as lines of text that a person edits, and back.

One statement a line; "#" begins a comment and "!" a pinned statement. A statement that itself begins so, or with a
backslash, has a backslash before it.
"""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from unlike.errors import InputError
from unlike.memory.answers import Evidence

COMMENT, PIN, ESCAPE = MARKS = ("#", "!", "\\")


def as_lines(user_id: str, statements: Sequence[Evidence]) -> str:
    """The text to edit."""
    lines = [
        f"# What is known of {_flat(user_id)}: one statement a line.",
        "# ! before a statement pins it: it stays when new records build the profile anew. Lines that begin with # do not count.",
        "# A statement that you leave as it is keeps its evidence; one that you change is yours.",
    ]
    lines += [(f"{PIN} " if one.pinned else "") + _escaped(_flat(one.text)) for one in statements]
    return "\n".join(lines) + "\n"


def statements_in(text: str, before: Sequence[Evidence]) -> list[Evidence]:
    """The statements of an edited text.

    Args:
        text: As ``as_lines`` writes it.
        before: Statements whose words, where they are unchanged, are taken as they were.

    Raises:
        InputError: There is none.
    """
    known = {_flat(one.text): one.text for one in before}
    lines = [line.strip() for line in text.splitlines()]
    found = [_statement(line) for line in lines if line and not line.startswith(COMMENT)]
    statements = [Evidence(known.get(words, words), pinned=pinned) for words, pinned in found if words]
    if not statements:
        raise InputError("the text holds no statement, so nothing was changed; a profile has at least one")
    return statements


def asked_editor(text: str) -> str:
    """The text as a person leaves it.

    Raises:
        InputError: There is no editor, or it failed.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise InputError("no editor is named; set EDITOR, or give the statements in a file: --from FILE")
    with tempfile.TemporaryDirectory() as folder:  # readable for its owner alone
        file = Path(folder) / "profile.txt"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise InputError(f"editor {editor!r} failed: {error}; nothing was changed; set EDITOR") from error
        return read_source(file)


def read_source(file: Path) -> str:
    """The text of a file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise InputError(f"{file} cannot be read: {error}; give a text file with one statement a line") from error


def _statement(line: str) -> tuple[str, bool]:
    words = line.removeprefix(PIN).strip()
    return words.removeprefix(ESCAPE), words != line


def _escaped(words: str) -> str:
    return f"{ESCAPE}{words}" if words.startswith(MARKS) else words


def kept(text: str) -> Path:
    """A file that holds what a person wrote and what could not be used."""
    descriptor, name = tempfile.mkstemp(prefix="unlike-profile-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def _flat(text: str) -> str:
    return " ".join(text.split())
