"""DPL's curation in plain Python, as one would write it without a table library: the reference of the benchmark.

It reads the same files, applies the same rules, and repeats the last two until nothing changes.
"""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from unlike.settings import CurateSettings


class Review(NamedTuple):
    """What the rules look at, and the place in the file."""

    timestamp: int
    id: str
    row: int
    user: str
    item: str
    text: str


def curated(reviews: Path, items: Path, settings: CurateSettings) -> list[Review]:
    """The reviews that all rules leave."""
    return to_fixed_point(before_the_fixed_point(reviews, items, settings), settings)


def before_the_fixed_point(reviews: Path, items: Path, settings: CurateSettings) -> list[Review]:
    """The reviews that all rules but the repeated ones leave."""
    described = _described(items, settings)
    kept = [review for review in _complete(reviews, settings) if review.item in described]
    kept.sort()
    latest = {(review.user, review.item): review for review in kept}
    unrepeated = {(review.user, review.text): review for review in sorted(latest.values())}
    return list(unrepeated.values())


def to_fixed_point(reviews: list[Review], settings: CurateSettings) -> list[Review]:
    """Count reviewers and records, drop, and again until nothing changes."""
    while True:
        of_item = Counter(review.item for review in reviews)
        of_user = Counter(review.user for review in reviews)
        left = [
            review
            for review in reviews
            if of_item[review.item] >= settings.min_reviewers
            and settings.min_records <= of_user[review.user] <= settings.max_records
        ]
        if len(left) == len(reviews):
            return left
        reviews = left


def _complete(file: Path, settings: CurateSettings) -> list[Review]:
    found = list[Review]()
    with file.open(encoding="utf-8") as lines:
        for row, line in enumerate(lines):
            told = json.loads(line)
            if told["title"].strip() and len(told["text"]) >= settings.min_chars:
                user, item = told["user_id"], told["parent_asin"]
                found.append(Review(told["timestamp"], f"{user}:{item}", row, user, item, told["text"]))
    return found


def _described(file: Path, settings: CurateSettings) -> set[str]:
    shortest, longest = settings.description_chars or (0, 2**62)
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["parent_asin"] for row in rows if shortest <= len(" ".join(row["description"])) <= longest}
