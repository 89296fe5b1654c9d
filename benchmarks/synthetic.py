"""Invented reviews on disk, as many as wanted: users and items follow Zipf's law, and all rules of curation have work.

Three reviews in ten are too short, one in a hundred has no title, one item in five has too short a description, and
some users post the same words on many items.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

USERS_A_REVIEW, ITEMS_A_REVIEW = 1 / 12, 1 / 40
EXPONENT = 0.75
CHUNK = 1_000_000
N_TEXTS = 50_000
START_MS = 1_400_000_000_000


def write_reviews(folder: Path, n: int, seed: int = 0) -> tuple[Path, Path]:
    """Write n reviews and the items they are about; gives both files (JSON lines, as Amazon Reviews 2023 has them)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    n_users, n_items = int(n * USERS_A_REVIEW), int(n * ITEMS_A_REVIEW)
    reviews, items = folder / "reviews.jsonl", folder / "items.jsonl"
    texts = _texts(rng)
    with reviews.open("wb") as file:
        for first in range(0, n, CHUNK):
            rows = min(CHUNK, n - first)
            users, about = _zipf(rng, n_users, rows), _zipf(rng, n_items, rows)
            file.write(_reviews(users, about, texts, rng).write_ndjson().encode())
    with items.open("w", encoding="utf-8") as file:
        for number in range(n_items):
            words = "A thing with parts. " * (3 if number % 5 == 0 else 8)
            file.write(
                json.dumps({"parent_asin": f"I{number}", "title": f"Item {number}", "description": [words]}) + "\n"
            )
    return reviews, items


def _zipf(rng: "np.random.Generator", n_kinds: int, n: int) -> "NDArray[np.int64]":
    """N draws among so many kinds, kind k with weight 1 / (k + 10) ** EXPONENT, in an order that says nothing."""
    import numpy as np

    weights = np.cumsum(1 / (np.arange(n_kinds) + 10.0) ** EXPONENT)
    ranks = np.searchsorted(weights, rng.random(n) * weights[-1])
    return ranks * 7_919 % n_kinds if n_kinds % 7_919 else ranks


def _texts(rng: "np.random.Generator") -> "pl.Series":
    """Texts of 100 to 400 characters."""
    import polars as pl

    words = [f"word{number}" for number in range(2000)]
    lengths = rng.integers(15, 55, size=N_TEXTS)
    return pl.Series([" ".join(words[place] for place in rng.integers(2000, size=length)) for length in lengths])


def _reviews(
    users: "NDArray[np.int64]", items: "NDArray[np.int64]", texts: "pl.Series", rng: "np.random.Generator"
) -> "pl.DataFrame":
    import numpy as np
    import polars as pl

    n = len(users)
    places = rng.integers(N_TEXTS, size=n)
    places = np.where(users % 50 == 0, users % N_TEXTS, places)  # who posts the same words everywhere
    number = pl.Series(rng.integers(10**6, size=n)) * pl.Series((users % 50 != 0).astype(np.int64))
    return pl.DataFrame(
        {
            "user_id": users,
            "parent_asin": items,
            "title": pl.Series(rng.random(n) < 0.01),
            "text": texts.gather(places),
            "number": number,
            "rating": rng.integers(1, 6, size=n).astype(np.float64),
            "timestamp": START_MS + rng.integers(10**9, size=n) * 100,
        }
    ).select(
        pl.format("U{}", "user_id").alias("user_id"),
        pl.format("I{}", "parent_asin").alias("parent_asin"),
        pl.when("title").then(pl.lit("")).otherwise(pl.lit("Said")).alias("title"),
        pl.format("{} {}", "text", "number").alias("text"),
        "rating",
        "timestamp",
    )
