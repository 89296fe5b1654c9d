"""The packaged sample corpus: invented people with clearly different voices, for demos, docs and tests."""

from pathlib import Path

RECORDS = Path(__file__).parent / "records.jsonl"
ITEMS = Path(__file__).parent / "items.jsonl"
