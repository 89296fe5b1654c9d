"""A difference as an LLM writes it, taken apart: what it says along each dimension."""

import re
from collections.abc import Iterable


def by_dimension(text: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """A difference in parts: a line that begins with the name of a dimension begins a part.

    Args:
        text: What the LLM wrote.
        names: Of the dimensions it was asked about.

    Returns:
        Name and words of each part, in the order they were written; "" for what stands under no name.
    """
    longest = sorted((name for name in names if name.strip()), key=len, reverse=True)
    parts = list[tuple[str, list[str]]]()
    for line in (line.strip() for line in text.splitlines() if line.strip()):
        name = _begun(line, longest)
        if name or not parts:
            parts.append((name, [_without(line, name)]))
        else:
            parts[-1][1].append(line)
    return [(name, "\n".join(line for line in lines if line)) for name, lines in parts]


def _begun(line: str, names: Iterable[str]) -> str:
    """The name that a line begins with, whatever signs stand before it; "" for none."""
    bare = line.lstrip("#*_>-–•· 0123456789.)").lower()
    return next((name for name in names if re.match(rf"{re.escape(name.lower())}\b", bare)), "")


def _without(line: str, name: str) -> str:
    """A line without the name of the dimension and the signs around it, where it begins like a heading."""
    before, found, after = line.partition(":")
    return after.strip(" *_") if name and found and len(before) <= len(name) + 12 else line
