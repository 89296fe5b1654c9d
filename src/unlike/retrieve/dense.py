"""Dense retrieval: cosine between the vectors of query and document (Contriever in DEP's table 8)."""

from collections.abc import Sequence

from unlike.embed.encoder import Encoder
from unlike.records import Record
from unlike.retrieve.query import Document


class DenseRetriever:
    """The records whose documents lie nearest to the query."""

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
