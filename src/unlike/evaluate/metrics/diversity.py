"""Distinct-n: does a text repeat itself? A sanity column beside the metrics that compare with the real text.

Source: Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016. There it is taken
over all texts together; here over each text, so that it has a value a case. Longer texts repeat more: compare it on
texts of equal length.
"""

from collections.abc import Sequence

from unlike.evaluate.metrics.words import ngrams, words


def distinct_1(texts: Sequence[str], references: Sequence[object] = ()) -> list[float]:
    """Different words over words, of each text, 0..1; a text without words gives 0."""
    return [_distinct(text, 1) for text in texts]


def distinct_2(texts: Sequence[str], references: Sequence[object] = ()) -> list[float]:
    """Different pairs of neighbouring words over pairs, of each text, 0..1; a text without pairs gives 0."""
    return [_distinct(text, 2) for text in texts]


def _distinct(text: str, n: int) -> float:
    tokens = words(text)
    return len(ngrams(tokens, n)) / max(len(tokens) - n + 1, 1)
