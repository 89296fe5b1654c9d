"""The most recent records (DEP, section 4.1; best in its table 8)."""

from collections.abc import Sequence

from unlike.records import Record
from unlike.retrieve.query import Document


class RecencyRetriever:
    """Newest first."""

    def rank(self, query: str, documents: Sequence[Document], n: int) -> list[Record]:
        """The n most recent records, newest first; the query does not matter."""
        return sorted((document.record for document in documents), key=lambda r: r.moment, reverse=True)[:n]
