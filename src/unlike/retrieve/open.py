"""The retrievers by name, and those that need no more than a sort."""

from collections.abc import Callable, Sequence

from unlike.embed.encoder import Encoder
from unlike.records import Record, random_key
from unlike.retrieve.bm25 import BM25Retriever
from unlike.retrieve.query import Document, Retriever
from unlike.settings import by_name


class RecencyRetriever:
    """The most recent records (DEP, section 4.1; best in its table 8)."""

    def rank(self, query: str, documents: Sequence[Document], n: int) -> list[Record]:
        """The n most recent records, newest first; the query does not matter."""
        return sorted((document.record for document in documents), key=lambda r: r.moment, reverse=True)[:n]


class RandomRetriever:
    """Random records, the control of DEP's table 8: a seeded draw that depends on the query and the records alone."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def rank(self, query: str, documents: Sequence[Document], n: int) -> list[Record]:
        """N records in random order."""
        return sorted((document.record for document in documents), key=lambda r: random_key(self._seed, query, r.id))[
            :n
        ]


class DenseRetriever:
    """The records whose documents are nearest to the query, by the cosine of their vectors (Contriever in DEP's table 8)."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def rank(self, query: str, documents: Sequence[Document], n: int) -> list[Record]:
        """The n nearest records, nearest first; of equal ones the more recent first."""
        if not documents:
            return []
        vectors = self._encoder.encode([query, *(document.text for document in documents)])
        # Rounding errors depend on a row's position in the matrix; rounded, equal texts are equal.
        similarity = (vectors[1:] @ vectors[0]).round(6)  # (n_documents,)
        order = sorted(range(len(documents)), key=lambda i: (-similarity[i], -i))
        return [documents[i].record for i in order[:n]]


RETRIEVERS: dict[str, Callable[[Encoder, int], Retriever]] = {
    "bm25": lambda encoder, seed: BM25Retriever(),
    "recency": lambda encoder, seed: RecencyRetriever(),
    "random": lambda encoder, seed: RandomRetriever(seed),
    "dense": lambda encoder, seed: DenseRetriever(encoder),
}


def open_retriever(name: str, encoder: Encoder, seed: int = 0) -> Retriever:
    """The retriever of that name.

    Raises:
        InputError: There is none of that name.
    """
    return by_name("retriever", RETRIEVERS, name)(encoder, seed)
