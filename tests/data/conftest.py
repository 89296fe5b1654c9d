import gzip
import json

import pytest

from unlike.settings import CurateSettings

LENIENT = CurateSettings(
    min_chars=5,
    description_chars=None,
    min_reviewers=1,
    min_records=1,
    train_targets=0,
    val_targets=0,
    test_targets=1,
    min_profile=0,
    min_profile_reviewers=1,
)


@pytest.fixture
def lenient():
    """Thresholds under which almost everything stays, to see what a source reads."""
    return LENIENT


@pytest.fixture
def write_lines(tmp_path):
    """Write objects or raw lines as JSON lines; a name that ends in .gz is compressed."""

    def write(name, rows):
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        path = tmp_path / name
        with gzip.open(path, "wb") if name.endswith(".gz") else path.open("wb") as file:
            file.write(b"\n".join(lines) + b"\n")
        return path

    return write
