"""Leakage: does a generated text repeat what a peer wrote? It needs no real text.

A method that reads other users' texts may copy from them. The length of the longest run of words shared with any
one of them shows it.
"""

from collections.abc import Sequence

from unlike.evaluate.metrics.words import ngrams, words


def leakage(texts: Sequence[str], peers: Sequence[Sequence[str]]) -> list[float]:
    """Words of the longest run that each text shares with one of its peers' texts; 0 where it has no peers."""
    return [float(_longest_shared(text, others)) for text, others in zip(texts, peers, strict=True)]


def _longest_shared(text: str, others: Sequence[str]) -> int:
    """Bisection: a shared run of n words holds shared runs of every smaller length."""
    own, theirs = words(text), [words(other) for other in others]
    low, high = 0, min(len(own), max(map(len, theirs), default=0))
    while low < high:
        middle = (low + high + 1) // 2
        runs = ngrams(own, middle)
        if any(not runs.isdisjoint(ngrams(tokens, middle)) for tokens in theirs):
            low = middle
        else:
            high = middle - 1
    return low
