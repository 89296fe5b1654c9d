"""What a request asks for and what a record is found by.

DPL, section 4.1: the query is the request's review title and the item's description. What is indexed the paper does
not say; the released code indexes each record's review title and item description, not its text. Where there is no
description (Yelp) the item's name stands for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from unlike.records import Case, Item, Record, Records


@dataclass(frozen=True, slots=True)
class Document:
    """A record and the text it is found by."""

    record: Record
    text: str


class Retriever(Protocol):
    """Ranks a user's records for a request."""

    def rank(self, query: str, documents: Sequence[Document], n: int) -> list[Record]:
        """The n best records, best first; all of them, ranked, where there are fewer. Never one twice."""
        ...


def query_of(case: Case, records: Records) -> str:
    """The text a request asks with."""
    return describe(case.title, records.item(case.item_id))


def documents_of(history: Sequence[Record], records: Records) -> list[Document]:
    """The documents of a history, in its order."""
    return [Document(record, describe(record.title, records.item(record.item_id))) for record in history]


def describe(title: str, item: Item) -> str:
    """A review title and the item's description (its name where it has none), as one text."""
    return f"{title} {item.description or item.title}"
