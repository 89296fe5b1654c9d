"""BM25 (Robertson and Zaragoza, 2009) in the Okapi form of rank_bm25, the library of the released code.

Scores equal rank_bm25's bit for bit: sums run in the same order. Only the query's terms are scored, which is what
makes it fast. Of equal scores the more recent record stands first.
"""

import math
from collections import Counter
from collections.abc import Sequence

from unlike.records import Record
from unlike.retrieve.query import Document

K1 = 1.5
B = 0.75
EPSILON = 0.25
"""Share of the mean idf that a term gets which stands in more than half of the documents."""


class BM25Retriever:
    """Okapi BM25 over white-space tokens, case kept, as the released code does."""

    def rank(self, query: str, documents: Sequence[Document], n: int) -> list[Record]:
        """The n best records, best first."""
        scores = bm25_scores(query.split(), [document.text.split() for document in documents])
        order = sorted(range(len(documents)), key=lambda i: (-scores[i], -i))
        return [documents[i].record for i in order[:n]]


def bm25_scores(query: Sequence[str], corpus: Sequence[Sequence[str]]) -> list[float]:
    """score(d) = sum over query terms of idf(t) * f(t, d) * (k1 + 1) / (f(t, d) + k1 * (1 - b + b * |d| / avgdl)).

    Args:
        query: Tokens; a token that comes twice counts twice.
        corpus: Tokens of each document.

    Returns:
        A score for each document.
    """
    if not any(corpus):
        return [0.0] * len(corpus)
    counts = [Counter(document) for document in corpus]
    idf = _idf(counts)
    mean_length = sum(map(len, corpus)) / len(corpus)
    scores = [0.0] * len(corpus)
    norms = [K1 * (1 - B + B * len(document) / mean_length) for document in corpus]
    for term in query:
        weight = idf.get(term) or 0
        if weight:
            for i, count in enumerate(counts):
                frequency = count.get(term, 0)
                scores[i] += weight * (frequency * (K1 + 1) / (frequency + norms[i]))
    return scores


def _idf(counts: Sequence[Counter[str]]) -> dict[str, float]:
    """log(N - n + 0.5) - log(n + 0.5); a term of more than half of the documents gets EPSILON times the mean."""
    containing: dict[str, int] = {}
    for count in counts:
        for term in count:
            containing[term] = containing.get(term, 0) + 1
    total = len(counts)
    idf = {term: math.log(total - n + 0.5) - math.log(n + 0.5) for term, n in containing.items()}
    floor = EPSILON * (sum(idf.values()) / len(idf))
    return {term: floor if value < 0 else value for term, value in idf.items()}
