"""Words for the checks that compare wording in any script; case and punctuation do not count."""

import re

_WORD = re.compile(r"\w+(?:['’]\w+)*")

Ngram = tuple[str, ...]


def words(text: str) -> list[str]:
    """The words of a text, lower-cased; "don't" is one word."""
    return _WORD.findall(text.lower())


def ngrams(tokens: list[str], n: int) -> set[Ngram]:
    """The different runs of n words."""
    return {tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)}
