from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from unlike.records import Record
from unlike.retrieve.bm25 import BM25Retriever, bm25_scores
from unlike.retrieve.query import Document

words = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), min_size=1, max_size=12)


@given(query=words, corpus=st.lists(words, min_size=1, max_size=12))
def test_scores_equal_rank_bm25_bit_for_bit(query, corpus):
    expected = BM25Okapi(corpus).get_scores(query)
    assert bm25_scores(query, [Counter(document) for document in corpus]) == pytest.approx(expected, rel=0, abs=0)


def test_no_document_has_words():
    assert bm25_scores(["a"], [Counter(), Counter()]) == [0.0, 0.0]


@given(query=words, corpus=st.lists(words, min_size=0, max_size=12), n=st.integers(0, 15))
def test_ranking_is_rank_bm25s_with_the_more_recent_first_among_equals(query, corpus, n):
    documents = [
        Document(Record(f"r{i:02}", "u", f"i{i}", "text", timestamp=i), " ".join(tokens))
        for i, tokens in enumerate(corpus)
    ]
    ranked = BM25Retriever().rank(" ".join(query), documents, n)
    if corpus:
        order = np.argsort(BM25Okapi(corpus).get_scores(query), kind="stable")[::-1][:n]
        assert [record.id for record in ranked] == [f"r{i:02}" for i in order]
    else:
        assert ranked == []
