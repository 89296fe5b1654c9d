"""Random records: the control of DEP's table 8."""

import hashlib
from collections.abc import Sequence

from unlike.records import Record
from unlike.retrieve.query import Document


class RandomRetriever:
    """A seeded draw that depends on the query and the records alone, not on what was asked before."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def rank(self, query: str, documents: Sequence[Document], n: int) -> list[Record]:
        """N records in random order."""
        return sorted((document.record for document in documents), key=lambda r: self._draw(query, r.id))[:n]

    def _draw(self, query: str, record_id: str) -> bytes:
        return hashlib.sha256(f"{self._seed}\0{query}\0{record_id}".encode()).digest()
