"""Repeated words: does a generated text copy what a peer wrote?

The texts of peers are in a prompt for comparison, not to be copied. A run of eight words that is also in a peer's text is
more likely a copy than a coincidence; what happens then (block, retry, mark) is the caller's.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import regex

from unlike.errors import InputError
from unlike.language import ASCII_WORD, WORD, normalised, runs_of, word_of

_UNSEEN = r"\p{Cf}\u034f\u115f\u1160\u3164\uffa0"
"""Characters that are not seen: soft hyphens, joiners, blanks without width. They are in a word, or part two of them."""
_WORD_WITH_UNSEEN = word_of(rf"\p{{L}}\p{{M}}\p{{N}}{_UNSEEN}")
_ANY_UNSEEN = regex.compile(rf"[{_UNSEEN}]|[\p{{M}}&&\p{{Default_Ignorable_Code_Point}}]", flags=regex.V1)

Span = tuple[int, int]


class Others:
    """Texts that may not be repeated, indexed once to check many texts or a growing one.

    Args:
        texts: What may be repeated; no run goes over the end of one of them.
        n_words: The shortest run that counts.

    Attributes:
        texts: The same.

    Raises:
        InputError: ``n_words`` is below 1.
    """

    def __init__(self, texts: Sequence[str], n_words: int = 8) -> None:
        if n_words < 1:
            raise InputError(f"repeated words cannot be looked for: n_words {n_words} seen; it is at least 1; use 8")
        self.texts = tuple(texts)
        self.n_words = n_words
        # 64-bit hashes of the n-grams take less memory than these, and garbage collection does not traverse them.
        self._theirs = {hash(ngram) for text in texts for ngram in ngrams(text, n_words)}

    def runs_in(self, text: str) -> list[str]:
        """The runs of a text in which every word is part of ``n_words`` words in a row that another text has too."""
        if not self._theirs:
            return []
        found = list[Span]()
        for words, spans in _readings(text):
            starts = (start for start, ngram in enumerate(runs_of(words, self.n_words)) if hash(ngram) in self._theirs)
            found += [(spans[first][0], spans[end - 1][1]) for first, end in _runs(starts, self.n_words)]
        return [text[start:end] for start, end in sorted(_apart(found), key=lambda run: run[0] - run[1])]

    def cut(self, text: str) -> tuple[int, int]:
        """Where a text that goes on is to be cut: (first place that a run still to come may hold, end of whole words).

        In front of the first stands nothing that the text's further words could make a run of.
        """
        if not self._theirs:
            return len(text), len(text)
        cuts = [self._cut(text, spans) for _, spans in _readings(text)]
        return min(first for first, _ in cuts), min(end for _, end in cuts)

    def _cut(self, text: str, spans: Sequence[Span]) -> tuple[int, int]:
        whole = [span for span in spans if not _may_go_on(text, span)]
        end = spans[-1][0] if len(whole) < len(spans) else len(text)
        before = self.n_words - 1
        if not before:
            return end, end
        return (whole[-before][0] if len(whole) >= before else 0), end


def repeats(text: str, others: Sequence[str], n_words: int = 8) -> list[str]:
    """The runs of a text in which every word is part of ``n_words`` words in a row that another text has too.

    Case, punctuation and white space do not count. The time is linear in the length of all the texts.

    Args:
        text: What may repeat.
        others: What may be repeated; no run goes over the end of one of them.
        n_words: The shortest run that counts.

    Returns:
        The runs as they are in ``text``, most words first; no two overlap.

    Raises:
        InputError: ``n_words`` is below 1.
    """
    return Others(others, n_words).runs_in(text)


def ngrams(text: str, n_words: int) -> Iterator[tuple[str, ...]]:
    """Each run of so many words of a text, as words are compared."""
    return chain.from_iterable(runs_of(words, n_words) for words, _ in _readings(text))


def _readings(text: str) -> list[tuple[list[str], list[Span]]]:
    """The words as they are compared, and where each stands: with what is not seen left out, and as what parts words."""
    if text.isascii():
        plain = list(ASCII_WORD.finditer(text.lower()))
        return [([match.group() for match in plain], [match.span() for match in plain])]
    patterns = (_WORD_WITH_UNSEEN, WORD) if _ANY_UNSEEN.search(text) else (WORD,)
    return [_read(pattern, text) for pattern in patterns]


def _read(pattern: regex.Pattern[str], text: str) -> tuple[list[str], list[Span]]:
    found = [(_ANY_UNSEEN.sub("", normalised(match.group())), match.span()) for match in pattern.finditer(text)]
    return [word for word, _ in found if word], [span for word, span in found if word]


def _may_go_on(text: str, span: Span) -> bool:
    """Whether more text could make the word longer: it ends the text, or only an apostrophe comes after it."""
    return text[span[1] :] in ("", "'", "’")


def _runs(starts: Iterator[int], n: int) -> list[Span]:
    """Runs of words, first to past the last, from the rising starts of repeated n-grams; overlapping ones are one."""
    runs: list[Span] = []
    for start in starts:
        if runs and start < runs[-1][1]:
            runs[-1] = (runs[-1][0], start + n)
        else:
            runs.append((start, start + n))
    return runs


def _apart(spans: Sequence[Span]) -> list[Span]:
    """Places in a text; those that overlap are one."""
    found = list[Span]()
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
