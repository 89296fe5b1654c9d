"""Settings, typed, with their source; what a user gets who sets nothing is what the papers did.

A preset is one entry of a literal dict. Settings are plain frozen dataclasses inside; files and HTTP bodies are
checked at the edge, where unknown keys fail.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from unlike.records import TimeRule


@dataclass(frozen=True, slots=True)
class CurateSettings:
    """Thresholds of data curation and split (DPL, appendix A).

    Lengths are counted on the raw text, before white space is normalised, as the released code does.
    """

    min_chars: int = 200
    description_chars: tuple[int, int] | None = (100, 2000)
    """Allowed length of an item's description; None asks for no description at all ("any")."""
    min_reviewers: int = 4
    """Distinct reviewers an item needs."""
    min_records: int = 18
    max_records: int = 500
    test_targets: int = 1
    val_targets: int = 1
    train_targets: int = 8
    """Targets a user gives at most, most recent first: test, then validation, then train."""
    shrink_train_to_profile: int | None = None
    """None: every user gives exactly ``train_targets``. A number: as many, up to ``train_targets``, as leave
    that many records in the profile before the oldest target."""
    min_profile: int = 8
    """Profile records (those before the oldest target) a user needs whose item has enough reviewers."""
    min_profile_reviewers: int = 5
    """Reviewers, the user included, that an item needs among all profiles to count for ``min_profile``."""
    drop_unshared: bool = False
    """Whether profile records whose item has too few reviewers leave the corpus (released code) or stay (paper)."""
    require_categories: bool = False
    """Whether an item needs categories and a rating count in its metadata (released code)."""


CURATE_PRESETS: dict[str, CurateSettings] = {
    "dpl-paper": CurateSettings(),
    "dpl-code": CurateSettings(min_reviewers=8, drop_unshared=True, require_categories=True),
    "small": CurateSettings(
        min_records=5,
        description_chars=None,
        shrink_train_to_profile=2,
        min_profile=2,
        min_profile_reviewers=2,
    ),
    "sample": CurateSettings(min_records=12, train_targets=2),
}

RetrieverName = Literal["bm25", "recency", "random", "dense"]
SelectorName = Literal["kmeans", "kmeans_assigned", "random", "farthest"]
KeyRecords = Literal["recency", "compared"]
"""Which records a profile is built from ahead of any request: the latest, or the latest whose item others wrote about."""
Layout = Literal["single", "turns"]
"""How the last step shows the past texts: in one prompt, as the papers do, or each as a turn of the chat (ours)."""


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """What the methods share (DPL, sections 4.1 and D.2).

    Attributes:
        n_records: N, the key records retrieved for a request.
        n_peers: K, the representatives a key record is compared with.
        time_rule: Which texts of others a request may see.
        dimensions: Names of the dimensions of the comparison standard S; None for all of the task's.
        temperature: Of every call of the method.
        top_p: Of every call of the method.
        max_tokens: New tokens of every call.
        seed: Of sampling, of random retrieval and selection, and of K-means.
        layout: How the past texts are shown to the LLM that writes the text.
        key_records: Of ``stored_profile``: which records the profile is built from.
        min_records: Of ``stored_profile``: users with fewer records get no profile; their records are shown.
        min_peers: Of ``stored_profile``: a record is compared where at least so many others wrote about its item.
        shown_records: Of ``stored_profile``: latest own records shown beside the profile.
        adapter: Folder of the trained adapter, for the methods that need one.
    """

    n_records: int = 8
    n_peers: int = 4
    retriever: RetrieverName = "bm25"
    selector: SelectorName = "kmeans"
    time_rule: TimeRule = "as_of"
    dimensions: tuple[str, ...] | None = None
    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 2048
    seed: int = 0
    layout: Layout = "single"
    key_records: KeyRecords = "recency"
    min_records: int = 2
    min_peers: int = 2
    shown_records: int = 2
    adapter: str = ""

    def but(self, **changes: object) -> "MethodSettings":
        """A copy with some settings changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def cache_folder() -> Path:
    """Where things are kept that can be made again: UNLIKE_CACHE, or the user's cache folder."""
    if "UNLIKE_CACHE" in os.environ:
        return Path(os.environ["UNLIKE_CACHE"])
    from platformdirs import user_cache_path

    return user_cache_path("unlike")


def vector_file() -> Path:
    """The vectors of texts that were encoded on this machine."""
    return cache_folder() / "vectors.sqlite"
