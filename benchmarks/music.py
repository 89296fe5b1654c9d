"""The Digital Music reviews, which are not part of the project; where they are absent, the packaged sample corpus."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import REPOSITORY
from unlike.settings import CurateSettings

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus

FOLDER = Path(os.environ.get("UNLIKE_REAL_DATA", REPOSITORY.parent / "shared" / "data")) / "amazon_digital_music_2014"
SHORT = CurateSettings(min_records=5, description_chars=None, train_targets=1, min_profile=2, min_profile_reviewers=2)
"""258 users with a test case each."""
EVERYTHING = CurateSettings(
    min_chars=1,
    description_chars=None,
    min_reviewers=1,
    min_records=1,
    max_records=10**9,
    train_targets=0,
    val_targets=0,
    test_targets=0,
    min_profile=0,
)
"""Every review: the latest of each user on each item."""


def music(settings: CurateSettings) -> tuple[str, "Corpus"]:
    """Name and corpus."""
    from unlike.api import sample_corpus
    from unlike.data.curate import curate
    from unlike.data.sources import amazon_2014

    if not FOLDER.is_dir():
        return "sample corpus", sample_corpus()
    source = amazon_2014(FOLDER / "reviews.jsonl.gz", FOLDER / "items.jsonl.gz")
    with tempfile.TemporaryDirectory() as folder:
        return "Digital Music", curate(source, settings, Path(folder) / "corpus")
