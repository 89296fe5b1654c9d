"""BM25 (Robertson and Zaragoza, 2009) in the Okapi form of rank_bm25, the library of the released code.

Scores equal rank_bm25's bit for bit: sums run in the same order. Only the query's terms are scored, which is what
makes it fast. Of equal scores the more recent record stands first.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, chain

from unlike.language import UNSPACED_CHAR, words
from unlike.records import Record
from unlike.retrieve.query import Document

K1 = 1.5
B = 0.75
EPSILON = 0.25
"""Share of the mean idf that a term gets which stands in more than half of the documents."""


class BM25Retriever:
    """Okapi BM25 over white-space tokens, case kept, as the released code does.

    Texts with scripts that have no spaces are split by ``unlike.language.words``; their runs between spaces rarely match.
    """

    def rank(self, query: str, documents: Sequence[Document], n: int) -> list[Record]:
        """The n best records, best first."""
        scores = self.scores(query, documents)
        order = sorted(range(len(documents)), key=lambda i: (-scores[i], -i))
        return [documents[i].record for i in order[:n]]

    def scores(self, query: str, documents: Sequence[Document]) -> list[float]:
        """The score of each document, among these documents."""
        return bm25_scores(_split(query), [_counted(document.text) for document in documents])


def bm25_scores(query: Sequence[str], corpus: Sequence[Counter[str]]) -> list[float]:
    """score(d) = sum over query terms of idf(t) * f(t, d) * (k1 + 1) / (f(t, d) + k1 * (1 - b + b * |d| / avgdl)).

    Args:
        query: Tokens; a token that comes twice counts twice.
        corpus: How often each token stands in each document.

    Returns:
        A score for each document.
    """
    lengths = [sum(count.values()) for count in corpus]
    scores = [0.0] * len(corpus)
    if not any(lengths):
        return scores
    mean_length = sum(lengths) / len(lengths)
    norms = [K1 * (1 - B + B * length / mean_length) for length in lengths]
    summands = {
        term: [
            (i, weight * (count[term] * (K1 + 1) / (count[term] + norms[i])))
            for i, count in enumerate(corpus)
            if term in count
        ]
        for term, weight in _idf(corpus, set(query)).items()
    }
    for term in query:
        for i, summand in summands.get(term, ()):
            scores[i] += summand
    return scores


@lru_cache(maxsize=20_000)
def _counted(text: str) -> Counter[str]:
    """How often each word stands in a document; the same documents are searched for request after request."""
    return Counter(_split(text))


def _split(text: str) -> list[str]:
    return words(text) if not text.isascii() and UNSPACED_CHAR.search(text) else text.split()


def _idf(corpus: Sequence[Counter[str]], terms: Iterable[str]) -> dict[str, float]:
    """log(N - n + 0.5) - log(n + 0.5) of those terms that stand in the corpus.

    A term of more than half of the documents gets EPSILON times the mean, which is over all terms in the order in which
    they first come.
    """
    containing = Counter(chain.from_iterable(corpus))
    of_n = _idf_of_n(len(corpus))
    # Added up one after the other, as rank_bm25 does: sum() rounds otherwise from Python 3.12 on, numpy's sum always.
    floor = EPSILON * (list(accumulate(map(of_n.__getitem__, containing.values())))[-1] / len(containing))
    weights = {term: of_n[containing[term]] for term in terms if term in containing}
    return {term: floor if weight < 0 else weight for term, weight in weights.items()}


@lru_cache(maxsize=1_000)
def _idf_of_n(total: int) -> list[float]:
    """The idf of a term that stands in n of so many documents, by n."""
    return [0.0, *(math.log(total - n + 0.5) - math.log(n + 0.5) for n in range(1, total + 1))]
