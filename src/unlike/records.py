"""The nouns of the library: who wrote what about which item and when, and what is asked for.

Everything is joined by id. Times are Unix milliseconds and may have the resolution of a day, so the order of a
user's own records is (timestamp, record id): a *moment*.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from unlike.errors import InputError

RecordT = TypeVar("RecordT")

Moment = tuple[int, str]
"""(timestamp in ms, record id): the place of a record in its user's own history."""
END_OF_TIME: Moment = (2**62, "")
"""A moment after every record."""

TimeRule = Literal["as_of", "paper", "released"]
"""Which texts of others a request may see: ``as_of`` only those strictly before it, ``paper`` all of them, ``released``
the profiles of one split's users, whenever written, as the released code of both papers; see ``visible``."""


def canonical_id(given: str) -> str:
    """An id as it is compared: the same characters, however they were composed (NFC)."""
    return given if given.isascii() else unicodedata.normalize("NFC", given)


@dataclass(frozen=True, slots=True)
class Item:
    """Something people write about."""

    id: str
    title: str = ""
    description: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """How it is shown: its title, or its id where it has none."""
        return self.title or self.id


@dataclass(frozen=True, slots=True)
class Record:
    """One text by one user about one item, y_ui of the papers."""

    id: str
    user_id: str
    item_id: str
    text: str
    title: str = ""
    rating: float | None = None
    timestamp: int = 0

    @property
    def moment(self) -> Moment:
        """Where this record stands in its user's history."""
        return (self.timestamp, self.id)


@dataclass(frozen=True, slots=True)
class Case:
    """A request: what would this user write about this item?

    In experiments ``id`` is the id of the held-out record and ``reference`` its text; in a service both are absent
    from the records and ``reference`` is None.
    """

    id: str
    user_id: str
    item_id: str
    timestamp: int
    title: str = ""
    rating: float | None = None
    reference: str | None = None
    split: str = ""

    @property
    def moment(self) -> Moment:
        """The user's own records count when they stand before this moment."""
        return (self.timestamp, self.id)

    def peers_before(self, rule: TimeRule) -> int | None:
        """The timestamp (ms) that others' texts must precede under a time rule; None means no limit."""
        return self.timestamp if rule == "as_of" else None


def texts_of(records: Iterable[Record]) -> list[str]:
    """All that users wrote in these records: texts, and titles where there are any, each once."""
    parts = (part for record in records for part in (record.text, record.title) if part)
    return list(dict.fromkeys(parts))


def case_of(record: Record, split: str) -> Case:
    """The request that a record answers."""
    return Case(
        id=record.id,
        user_id=record.user_id,
        item_id=record.item_id,
        timestamp=record.timestamp,
        title=record.title,
        rating=record.rating,
        reference=record.text,
        split=split,
    )


class Records(Protocol):
    """Read access to records; a corpus and a store both are one, so a method never knows which."""

    def item(self, item_id: str) -> Item:
        """The item of that id.

        Raises:
            InputError: No such item.
        """
        ...

    def history(self, user_id: str, before: Moment) -> Sequence[Record]:
        """The user's own records before a moment, oldest first; empty for an unknown user."""
        ...

    def peers(self, item_id: str, before: int | None) -> Sequence[Record]:
        """All records on an item strictly before a timestamp (ms; None for all), by (timestamp, id).

        The asking user's own records are among them: the caller leaves them out where it must.
        """
        ...


@runtime_checkable
class SplitRecords(Protocol):
    """Records with cases in splits, so that the time rule ``released`` applies to them."""

    def profiles(self, split: str, without_last: int = 0) -> Records:
        """The records of the profiles of a split alone; see ``Corpus.profiles``."""
        ...


def visible(records: Records, rule: TimeRule, split: str, without_last: int = 0) -> Records:
    """The records in which a time rule lets texts of others be looked up; ``Case.peers_before`` limits them further.

    Args:
        records: All.
        rule: The time rule; only ``released`` leaves records out.
        split: Of the profiles that ``released`` sees.
        without_last: Latest records of each profile that ``released`` leaves out.

    Raises:
        InputError: The rule is ``released`` and the records have no splits.
    """
    if rule != "released":
        return records
    if not isinstance(records, SplitRecords):
        raise InputError("time rule 'released' needs a corpus with splits; give as_of or paper")
    return records.profiles(split, without_last)


def latest_per_user(records: Iterable[RecordT], user_of: Callable[[RecordT], Hashable]) -> list[RecordT]:
    """The latest record of each user.

    Args:
        records: Oldest first.
        user_of: The user of a record.
    """
    return list({user_of(record): record for record in records}.values())


def random_key(*parts: object, between: str = "\0") -> bytes:
    """A key that sorts at random, and always the same way for the same parts."""
    return hashlib.sha256(between.join(map(str, parts)).encode()).digest()


def others_on(records: Records, item_id: str, user_id: str, before: int | None) -> list[Record]:
    """D_i without a user: one record of each other user on an item, the latest before a timestamp (ms; None for all)."""
    seen = records.peers(item_id, before)
    return latest_per_user((record for record in seen if record.user_id != user_id), lambda record: record.user_id)


@dataclass(frozen=True, slots=True)
class Generation:
    """What a method made of a case: the row of ``generations.jsonl``.

    ``text`` is None exactly when ``status`` is "failed", and then ``error`` says why.
    """

    case_id: str
    user_id: str
    item_id: str
    method: str
    text: str | None
    reference: str | None
    status: Literal["done", "failed"]
    error: str = ""
    trace: Mapping[str, Any] = field(default_factory=dict[str, Any])
