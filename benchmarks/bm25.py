"""BM25 key records of every case against rank_bm25, which is set up again for each: the same records, the same order.

Both sides begin with the texts of query and documents; ours begins with nothing remembered.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmarks.music import SHORT, music
from benchmarks.row import Row

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.retrieve.query import Document

REACH = 10.0
N = 8

Asked = Sequence[tuple[str, "Sequence[Document]"]]
Ranked = list[list[str]]


def main(quick: bool = False) -> list[Row]:
    """One row."""
    where, corpus = music(SHORT)
    asked = _asked(corpus, 100 if quick else None)
    ours, theirs = _times_in_turn(asked, rounds=2 if quick else 5)
    return [
        Row(
            what=f"BM25 key records of {len(asked)} cases",
            against="rank_bm25, a new index a case",
            value=theirs / ours,
            reach=REACH,
            facts={
                "corpus": where,
                "us_a_case": round(ours / len(asked) * 1e6),
                "their_us": round(theirs / len(asked) * 1e6),
                "us_of_ours_for_counting_words": round(_counting(asked) / len(asked) * 1e6),
                "records_a_case": round(sum(len(documents) for _, documents in asked) / len(asked), 1),
            },
        )
    ]


def _asked(corpus: "Corpus", limit: int | None) -> Asked:
    from unlike.retrieve.query import documents_of, query_of

    return [
        (query_of(case, corpus), documents_of(corpus.history(case.user_id, case.moment), corpus))
        for case in corpus.cases(limit=limit)
    ]


def _times_in_turn(asked: Asked, rounds: int) -> tuple[float, float]:
    """The shortest processor time of each side, in seconds; they take turns."""
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        ours = _timed(_ours, asked, times["ours"])
        theirs = _timed(_theirs, asked, times["theirs"])
        assert ours == theirs, "the same records in the same order"
    return min(times["ours"]), min(times["theirs"])


def _timed(rank: Callable[[Asked], Ranked], asked: Asked, times: list[float]) -> Ranked:
    started = time.process_time()
    ranked = rank(asked)
    times.append(time.process_time() - started)
    return ranked


def _ours(asked: Asked) -> Ranked:
    from unlike.retrieve import bm25

    bm25._counted.cache_clear()
    retriever = bm25.BM25Retriever()
    return [[record.id for record in retriever.rank(query, documents, N)] for query, documents in asked]


def _counting(asked: Asked) -> float:
    """Seconds that splitting and counting take alone: every word of every record, for the mean idf is over all of them."""
    from collections import Counter
    from itertools import chain

    from unlike.retrieve import bm25

    bm25._counted.cache_clear()
    started = time.process_time()
    for _, documents in asked:
        Counter(chain.from_iterable([bm25._counted(document.text) for document in documents]))
    return time.process_time() - started


def _theirs(asked: Asked) -> Ranked:
    import numpy as np
    from rank_bm25 import BM25Okapi

    ranked: Ranked = []
    for query, documents in asked:
        scores = BM25Okapi([document.text.split() for document in documents]).get_scores(query.split())
        best = np.argsort(scores, kind="stable")[::-1][:N]
        ranked.append([documents[place].record.id for place in best])
    return ranked
