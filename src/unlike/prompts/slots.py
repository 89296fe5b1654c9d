"""Places for soft vectors in a prompt's text: characters of Unicode's private use area, one per vector.

A template shows them where the vectors belong; ``latent`` puts the vectors there. Quoted text is rid of such
characters, so no text can claim a place.
"""

import re

FIRST, LAST = 0xE000, 0xF8FF
_SLOT = re.compile(f"[{chr(FIRST)}-{chr(LAST)}]")
_SLOT_RUN = re.compile(f"{_SLOT.pattern}+")
_PIECES = re.compile(f"[{chr(FIRST)}-{chr(LAST)}]|[^{chr(FIRST)}-{chr(LAST)}]+")


def slots(first: int, n: int) -> str:
    """The characters for ``n`` vectors, numbered from ``first``."""
    assert FIRST + first + n - 1 <= LAST, "a prompt has room for 6,400 soft vectors"
    return "".join(chr(FIRST + first + place) for place in range(n))


def without_slots(text: str) -> str:
    """The text without any such character."""
    return text if text.isascii() else _SLOT.sub("", text)


def pieces(text: str) -> list[str | int]:
    """The text as stretches of words and numbers of vectors, in order."""
    return [ord(piece) - FIRST if _SLOT.fullmatch(piece) else piece for piece in _PIECES.findall(text)]


def show_slots(text: str) -> str:
    """A prompt for people to read: each run of slots as "[n vectors]"."""
    return text if text.isascii() else _SLOT_RUN.sub(lambda found: f"[{len(found.group())} vectors]", text)
