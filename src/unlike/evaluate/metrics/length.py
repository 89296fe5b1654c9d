"""How long texts are, and texts of equal length: recall-heavy metrics reward whoever writes more.

A word here is what stands between white space, or a character in scripts that have none.
"""

from collections.abc import Sequence
from itertools import islice

from unlike.language import PIECE, pieces


def length_ratio(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """Words generated for each word of the real text; a real text without words counts as one word."""
    return [_n_words(text) / max(_n_words(real), 1) for text, real in zip(texts, references, strict=True)]


def cut_to_equal(texts: Sequence[str], reference: str) -> list[str]:
    """The texts that several methods wrote for one case, cut to the length of the shortest of them.

    None stays longer than the real text either. A text without words is left as it is and does not decide the
    length, or one failure to write would empty all.

    Args:
        texts: One text a method.
        reference: The real text; it is never cut itself.
    """
    lengths = [n for n in map(_n_words, [*texts, reference]) if n]
    return [cut(text, min(lengths)) if lengths else text for text in texts]


def cut(text: str, n_words: int) -> str:
    """The first words of a text with the space between them as it was."""
    last = next(islice(PIECE.finditer(text), max(n_words - 1, 0), None), None)
    return text if last is None else text[: last.end()]


def _n_words(text: str) -> int:
    return len(pieces(text))
