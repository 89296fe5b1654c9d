"""Runs of words, for the checks that compare wording in any script; case and punctuation do not count."""

from unlike.language import words

__all__ = ["Ngram", "ngrams", "words"]

Ngram = tuple[str, ...]


def ngrams(tokens: list[str], n: int) -> set[Ngram]:
    """The different runs of n words."""
    return {tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)}
