"""Requests to a user memory and its answers, as callers see them: with ids, never row numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from unlike.errors import UnlikeError
from unlike.records import Item, Record, canonical_id
from unlike.store.profiles import Origin
from unlike.store.users import Consent

T = TypeVar("T")

Rung = Literal["plain", "own_records", "own_summary", "full"]
"""How much of a user a text was written from; see ``memory.context``."""


class NoConsent(UnlikeError):
    """The user does not agree to this use of the records."""


class Changed(UnlikeError):
    """A profile changed after it was read; overwriting it could restore text that was erased."""


@dataclass(frozen=True, slots=True)
class Added:
    """Result of adding records.

    Attributes:
        n_new: Accepted.
        n_same: Stored already, with the same content.
        conflicts: Ids that are stored with another text or rating; the stored records are unchanged.
        n_refused: Records that were deleted before, or whose users were erased or refused in advance.
        refused: Their ids.
        n_users: Users with something new.
        n_new_users: Users not known before.
        n_compared: Those of them who may be compared with others.
        n_items: Items with something new.
        n_in_future: Records dated more than a day later than now; they are taken as the user's latest until then.
        redacted: Number of removed identifiers, by kind.
    """

    n_new: int
    n_same: int
    conflicts: tuple[str, ...]
    n_users: int
    n_items: int
    redacted: Mapping[str, int]
    n_refused: int = 0
    refused: tuple[str, ...] = ()
    n_in_future: int = 0
    n_new_users: int = 0
    n_compared: int = 0


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """Result of correcting or deleting a record.

    Attributes:
        user_id: Whose record it is.
        n_profiles: Number of users whose profiles are built again, which costs LLM calls: the user's own, and those of others
            that were compared with the old text.
    """

    user_id: str
    n_profiles: int


@dataclass(frozen=True, slots=True)
class ChangedConsent(Consent):
    """Result of changing what a user agrees to.

    Attributes:
        n_profiles: Number of users whose profiles are built again, which costs LLM calls: the user's own, and those of others
            that were compared with the user.
    """

    n_profiles: int = 0


@dataclass(frozen=True, slots=True)
class StoredItem:
    """Result of storing the text of an item.

    Attributes:
        version: Of its title and description.
        is_new: Whether the item was not known before.
    """

    version: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class RecordRow(Record):
    """A record of a user with the title of its item."""

    item_title: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A text to be written for a user.

    Attributes:
        user_id: For whom; an unknown user gets a plain text.
        item_id: What it is about.
        item: The item, if the memory does not know it.
        title: Title of the text, if it is given.
        rating: The user's rating of the item, if it is given.
        max_tokens: Maximum number of new tokens.
        retrieved: Own records to show beside the profile, those that fit the request best.
    """

    user_id: str
    item_id: str
    item: Item | None = None
    title: str = ""
    rating: float | None = None
    max_tokens: int = 512
    temperature: float = 0.8
    top_p: float = 0.95
    seed: int = 0
    retrieved: int = 0

    def __post_init__(self) -> None:
        for name in ("user_id", "item_id"):  # as they are stored, so that they equal the ids of records
            object.__setattr__(self, name, canonical_id(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Written:
    """A text written for a user, and what it was written from.

    Attributes:
        rung: How much of the user it was written from.
        why: Why from that much, in words.
        profile_version: Of the profile it was written from.
        repeats: Word runs of others that it repeats, if the settings only mark them.
    """

    text: str
    rung: Rung
    why: str
    profile_version: int | None
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    repeats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One statement of a profile with its evidence.

    Attributes:
        record_ids: The user's own records.
        n_peers: Number of peers in the comparison; 0 if it rests on the own records alone.
        pinned: Whether it stays when the profile is rebuilt.
        origin: Whether it was built or written by hand.
    """

    text: str
    record_ids: tuple[str, ...] = ()
    n_peers: int = 0
    pinned: bool = False
    origin: Origin = "built"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a profile in a list."""

    version: int
    origin: Origin
    current: bool
    stale: bool
    created_ms: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A user's profile.

    Attributes:
        statements: With their evidence.
        versions: All there are, newest first.
    """

    user_id: str
    version: int
    origin: Origin
    current: bool
    stale: bool
    created_ms: int
    statements: tuple[Evidence, ...]
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job in a list.

    Attributes:
        kind: "build" for a user's profile, or "cluster" for the texts on an item.
        run_at_ms: When it is due.
        error: Why it is postponed or failed; "" for any other.
        user_id: Whose profile is built.
        item_id: The item whose texts are clustered.
    """

    number: int
    kind: str
    state: str
    attempts: int
    run_at_ms: int
    error: str
    user_id: str | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list.

    Attributes:
        total: Length of the whole list.
    """

    rows: tuple[T, ...]
    total: int
    offset: int
