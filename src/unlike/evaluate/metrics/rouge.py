"""ROUGE-1, ROUGE-2 and ROUGE-L as F1, equal to the ``rouge-score`` package without stemmer.

Both papers used it through HF ``evaluate``. ROUGE-L's longest common subsequence is computed bit-parallel by
rapidfuzz, where rouge-score fills a table in Python. Its tokens are ASCII letters and digits only, which is right for
English alone: other texts are split into ``unlike.language.words``. A text without tokens scores 0.

Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004; rouge-score 0.1.2.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import LCSseq

from unlike.language import Language, language_of, runs_of, words

_TOKEN = re.compile("[a-z0-9]+")


def _tokens(texts: Sequence[str], language: Language) -> Iterator[list[str]]:
    return map(tokenize if language == "english" else words, texts)


def tokenize(text: str) -> list[str]:
    """The tokens rouge-score sees: runs of a-z and 0-9 of the lower-cased text."""
    return _TOKEN.findall(text.lower())


def rouge1(texts: Sequence[str], references: Sequence[str], language: Language | None = None) -> list[float]:
    """ROUGE-1 F1 of each pair, 0..1; the language is that of the references where none is given."""
    return [_rouge_n(*pair, 1) for pair in _pairs(texts, references, language)]


def rouge2(texts: Sequence[str], references: Sequence[str], language: Language | None = None) -> list[float]:
    """ROUGE-2 F1 of each pair, 0..1; the language is that of the references where none is given."""
    return [_rouge_n(*pair, 2) for pair in _pairs(texts, references, language)]


def rouge_l(texts: Sequence[str], references: Sequence[str], language: Language | None = None) -> list[float]:
    """ROUGE-L F1 of each pair, 0..1: the whole text is one sentence, as in rouge-score's ``rougeL``."""
    return [_rouge_l(*pair) for pair in _pairs(texts, references, language)]


def _pairs(
    texts: Sequence[str], references: Sequence[str], language: Language | None
) -> Iterator[tuple[list[str], list[str]]]:
    split = language or language_of(references)
    return zip(_tokens(texts, split), _tokens(references, split), strict=True)


def _rouge_n(text: list[str], reference: list[str], n: int) -> float:
    generated, real = Counter(runs_of(text, n)), Counter(runs_of(reference, n))
    return _f1((generated & real).total(), generated.total(), real.total())


def _rouge_l(generated: list[str], real: list[str]) -> float:
    return _f1(LCSseq.similarity(generated, real), len(generated), len(real))


def _f1(shared: int, n_generated: int, n_real: int) -> float:
    """Harmonic mean of precision and recall, in rouge-score's order of operations."""
    if not shared:
        return 0.0
    precision, recall = shared / n_generated, shared / n_real
    return 2 * precision * recall / (precision + recall)
