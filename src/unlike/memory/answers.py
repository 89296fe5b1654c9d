"""What goes into a user memory and what comes out, as its callers see it: ids and words, no numbers of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from unlike.errors import UnlikeError
from unlike.records import Item, Record
from unlike.store.profiles import Origin

T = TypeVar("T")

Rung = Literal["plain", "own_records", "own_summary", "full"]
"""How much of a user a text was written from; see ``memory.context``."""


class NoConsent(UnlikeError):
    """The user does not let records be used for this."""


class Changed(UnlikeError):
    """A profile is not what it was when somebody read it; writing over it could bring back words that had to go."""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of records that were sent.

    Attributes:
        n_new: Accepted.
        n_same: There already, with the same words.
        conflicts: Ids that are there with other words or another rating; those stay as they were. See how to correct one.
        n_refused: Of users who were erased, or refused in advance.
        n_users: Users with something new.
        n_items: Items with something new.
        redacted: Identifiers taken out, by kind.
    """

    n_new: int
    n_same: int
    conflicts: tuple[str, ...]
    n_users: int
    n_items: int
    redacted: Mapping[str, int]
    n_refused: int = 0


@dataclass(frozen=True, slots=True)
class RecordRow(Record):
    """A record of a user with the title of its item."""

    item_title: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A text to be written for a user.

    Attributes:
        user_id: For whom; an unknown user gets a plain text.
        item_id: What about.
        item: What is known of the item, where the memory does not know it.
        title: Of the text, where it is given.
        rating: Of the item by the user, where it is given.
        max_tokens: New tokens.
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


@dataclass(frozen=True, slots=True)
class Written:
    """A text written for a user, and from what.

    Attributes:
        rung: How much of the user it was written from.
        why: Why from that much, in words.
        profile_version: Of the profile it was written from.
        repeats: Runs of words of others that it repeats, where the settings only mark them.
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
    """One statement of a profile with what bears it out.

    Attributes:
        record_ids: The user's own records.
        n_peers: Others whom these were compared with; 0 where it rests on the own records alone.
        pinned: Whether refreshes keep it.
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
    """A job in a list."""

    number: int
    kind: str
    state: str
    attempts: int
    run_at_ms: int
    error: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list.

    Attributes:
        total: Length of the whole list.
    """

    rows: tuple[T, ...]
    total: int
    offset: int
