"""How a user memory is built, kept fresh and answered from; pydantic checks it at the edges."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from unlike.privacy.sensitive import Sensitive
from unlike.settings import AtLeast0, AtLeast1, KeyRecords, MethodSettings, NotNegative, Positive
from unlike.writing.repeat_guard import OnRepeat


@dataclass(frozen=True, slots=True)
class Refresh:
    """When profiles are rebuilt.

    Attributes:
        debounce_s: How long an item's new records are gathered before it is clustered again.
        new_records: A profile is built again after so many new records of the user,
        age_s: or when the oldest new record has waited so long.
    """

    debounce_s: NotNegative = 2.0
    new_records: AtLeast1 = 1
    age_s: Positive = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Retention:
    """After how many days something is deleted; None for never.

    Attributes:
        records: Days since a record came in; what was made of it goes with it.
        profile_versions: Days of versions of a profile that are no longer in force, and that no pinned statement comes from.
        calls: Days of answers of the LLM from which profiles were built, and of prompts that were kept.
        audit: Days of lines about who did what.
    """

    records: Positive | None = None
    profile_versions: Positive | None = None
    calls: Positive | None = None
    audit: Positive | None = None


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """Settings of a user memory.

    Attributes:
        method: N, K, dimensions and sampling of the steps that build a profile (DPL's defaults).
        key_records: Which records a profile is built from.
        min_records: Minimum number of own records for a profile; with fewer, the records are shown as they are.
        min_peers: Minimum number of other reviewers of an item for a comparison, so that no single person is exposed.
        shown_records: Latest own records shown beside the profile.
        private: Compare with figures of the clusters instead of texts, so that no other person's words enter a prompt.
        on_repeat: What happens to a text that repeats ``repeat_words`` words of a peer.
        repeat_words: How many words in a row are a repeat.
        allowed: Sensitive kinds of statements that profiles may hold.
        refresh: When profiles are rebuilt.
        keep_prompts: Whether the prompts of builds, texts and chats are kept, sealed, of users who agree to the use of own
            records. Identifiers in requests are removed, as in records.
        durable: Whether records that were taken in survive a crash of the machine; it costs a write to the disk per batch.
            Consent and erasure always do.
        retention: What is deleted after some time.
    """

    method: MethodSettings = MethodSettings(n_records=4, max_tokens=512)
    key_records: KeyRecords = "recency"
    min_records: AtLeast1 = 2
    min_peers: AtLeast1 = 2
    shown_records: AtLeast0 = 2
    private: bool = False
    on_repeat: OnRepeat = "retry"
    repeat_words: Annotated[int, Ge(2)] = 8
    allowed: tuple[Sensitive, ...] = ()
    refresh: Refresh = Refresh()
    keep_prompts: bool = False
    durable: bool = True
    retention: Retention = Retention()
