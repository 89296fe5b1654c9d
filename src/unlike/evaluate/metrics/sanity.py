"""Sanity checks beside the metrics that compare with the real text: diversity, copying, length.

Distinct-n (Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016) is taken there over
all texts together; here over each text, so that it has a value per case. Longer texts repeat more: compare it on texts of
equal length. Recall-heavy metrics favour longer texts, so texts can be cut to equal length. Leakage is the length
of the longest run of words that a text shares with a text of others that the method read. A word is a run between white
space, or a character in scripts that have none.
"""

from collections.abc import Sequence

from unlike.evaluate.metrics.suffix_automaton import SuffixAutomaton
from unlike.language import first_words, pieces, runs_of, words


def distinct_1(texts: Sequence[str], references: Sequence[object] = ()) -> list[float]:
    """Different words over words, of each text, 0..1; a text without words gives 0."""
    return [_distinct(text, 1) for text in texts]


def distinct_2(texts: Sequence[str], references: Sequence[object] = ()) -> list[float]:
    """Different pairs of neighbouring words over pairs, of each text, 0..1; a text without pairs gives 0."""
    return [_distinct(text, 2) for text in texts]


def _distinct(text: str, n: int) -> float:
    tokens = words(text)
    return len(set(runs_of(tokens, n))) / max(len(tokens) - n + 1, 1)


def leakage(texts: Sequence[str], peers: Sequence[Sequence[str]]) -> list[float]:
    """Words of the longest run that each text shares with one of its peers' texts; 0 where it has no peers."""
    return [float(_longest_shared(text, others)) for text, others in zip(texts, peers, strict=True)]


def _longest_shared(text: str, others: Sequence[str]) -> int:
    """Number of words of the longest shared run, in linear time and memory."""
    automaton = SuffixAutomaton(words(text))
    return max((automaton.longest_run(words(other)) for other in others), default=0)


def length_ratio(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """Words generated for each word of the real text; a real text without words counts as one word."""
    return [_n_words(text) / max(_n_words(real), 1) for text, real in zip(texts, references, strict=True)]


def cut_to_equal(texts: Sequence[str], reference: str) -> list[str]:
    """The texts that several methods wrote for one case, cut to the length of the shortest of them.

    None stays longer than the real text either. A text without words is kept and does not decide the length; otherwise
    one empty text would empty all.

    Args:
        texts: One text per method.
        reference: The real text; it is never cut itself.
    """
    lengths = [n for n in map(_n_words, [*texts, reference]) if n]
    return [first_words(text, min(lengths)) if lengths else text for text in texts]


def _n_words(text: str) -> int:
    return len(pieces(text))
