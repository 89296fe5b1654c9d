"""One contract for every retriever: a ranking is a permutation of a subset, cut at n."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.embed.encoder import KnownVectors
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.records import Case, Item, Record
from unlike.retrieve.open import RETRIEVERS, open_retriever
from unlike.retrieve.query import Document, describe, query_of

texts = st.lists(st.text(max_size=30), max_size=10)


@pytest.mark.parametrize("name", RETRIEVERS)
@given(query=st.text(max_size=20), texts=texts, n=st.integers(0, 12))
def test_ranking_is_a_subset_permutation(name, query, texts, n):
    documents = [Document(Record(f"r{i}", "u", "i", "t", timestamp=i // 3), text) for i, text in enumerate(texts)]
    retriever = open_retriever(name, HashingEncoder(16))
    ranked = retriever.rank(query, documents, n)
    assert len(ranked) == min(n, len(documents))
    assert len({record.id for record in ranked}) == len(ranked)
    assert ranked == retriever.rank(query, documents, n)


def test_recency_orders_days_with_several_records_by_id():
    documents = [Document(Record(i, "u", "i", "t", timestamp=5), "") for i in ("b", "c", "a")]
    ranked = open_retriever("recency", HashingEncoder(8)).rank("", documents, 2)
    assert [record.id for record in ranked] == ["c", "b"]


def test_dense_finds_the_document_that_says_the_same():
    documents = [
        Document(Record(str(i), "u", "i", "t"), text) for i, text in enumerate(["a brass pen", "wool blanket"])
    ]
    assert open_retriever("dense", HashingEncoder()).rank("blanket of wool", documents, 1)[0].id == "1"


def test_of_equally_near_documents_the_more_recent_is_first():
    """Equal but for the last bit, as where a matrix product rounds otherwise in another row."""
    vectors = {"query": [1, 0], "old": [np.nextafter(np.float32(0.5), np.float32(1)), 0], "new": [0.5, 0]}
    encoder = KnownVectors({text: np.array(vector, np.float32) for text, vector in vectors.items()})
    documents = [Document(Record(text, "u", "i", "t"), text) for text in ("old", "new")]
    assert [record.id for record in open_retriever("dense", encoder).rank("query", documents, 2)] == ["new", "old"]


def test_random_depends_on_seed_and_query_alone():
    documents = [Document(Record(str(i), "u", "i", "t"), "") for i in range(20)]
    orders = {
        (seed, query): tuple(r.id for r in open_retriever("random", HashingEncoder(8), seed).rank(query, documents, 20))
        for seed in (0, 1)
        for query in ("a", "b")
    }
    assert len(set(orders.values())) == 4


def test_unknown_name_lists_what_there_is():
    with pytest.raises(InputError, match="bm25, recency, random, dense"):
        open_retriever("tfidf", HashingEncoder(8))


def test_an_item_without_description_is_found_by_its_name():
    assert describe("Great", Item("i", "Night Ferry")) == "Great Night Ferry"

    class Known:
        def item(self, item_id):
            return Item(item_id, "Night Ferry", "Ten songs")

    assert query_of(Case("c", "u", "i", 0, title="Great"), Known()) == "Great Ten songs"
