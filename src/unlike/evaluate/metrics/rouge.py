"""ROUGE-1, ROUGE-2 and ROUGE-L as F1, equal to the ``rouge-score`` package without stemmer.

Both papers used it through HF ``evaluate``. ROUGE-L's longest common subsequence is computed bit-parallel by
rapidfuzz, where rouge-score fills a table in Python. Tokens are ASCII letters and digits only, so a text in another
script has none; a text without tokens scores 0.

Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004; rouge-score 0.1.2.
"""

import re
from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import LCSseq

_TOKEN = re.compile("[a-z0-9]+")


def tokenize(text: str) -> list[str]:
    """The tokens rouge-score sees: runs of a-z and 0-9 of the lower-cased text."""
    return _TOKEN.findall(text.lower())


def rouge1(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """ROUGE-1 F1 of each pair, 0..1."""
    return [_rouge_n(text, reference, 1) for text, reference in zip(texts, references, strict=True)]


def rouge2(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """ROUGE-2 F1 of each pair, 0..1."""
    return [_rouge_n(text, reference, 2) for text, reference in zip(texts, references, strict=True)]


def rouge_l(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """ROUGE-L F1 of each pair, 0..1: the whole text is one sentence, as in rouge-score's ``rougeL``."""
    return [_rouge_l(text, reference) for text, reference in zip(texts, references, strict=True)]


def _rouge_n(text: str, reference: str, n: int) -> float:
    generated, real = _ngrams(tokenize(text), n), _ngrams(tokenize(reference), n)
    return _f1((generated & real).total(), generated.total(), real.total())


def _rouge_l(text: str, reference: str) -> float:
    generated, real = tokenize(text), tokenize(reference)
    return _f1(LCSseq.similarity(generated, real), len(generated), len(real))


def _ngrams(tokens: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def _f1(shared: int, n_generated: int, n_real: int) -> float:
    """Harmonic mean of precision and recall, in rouge-score's order of operations."""
    if not shared:
        return 0.0
    precision, recall = shared / n_generated, shared / n_real
    return 2 * precision * recall / (precision + recall)
