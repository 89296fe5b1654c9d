"""One small table in every form that people have it in."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile

import polars as pl
from backports import zstd

USERS = ITEMS = 6
START_S = 1_400_000_000
WORDS = "Très bien fait, “vraiment”; un café, s'il vous plaît"


def records(id_=str):
    """36 records: each of 6 users on each of 6 items, a day after the other."""
    return [
        {
            "user_id": id_(user),
            "item_id": id_(item),
            "text": f"{WORDS} {user} {item}",
            "title": f"Titre {item}",
            "rating": 1 + (user + item) % 5,
            "timestamp": START_S + (item * USERS + user) * 86_400,
        }
        for user in range(USERS)
        for item in range(ITEMS)
    ]


def as_jsonl(rows, encoding="utf-8", ascii_only=False):
    return "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows).encode(encoding)


def as_array(rows, encoding="utf-8"):
    return json.dumps(rows, indent=1, ensure_ascii=False).encode(encoding)


def as_python(rows, encoding="utf-8"):
    return "".join(f"{row!r}\n" for row in rows).encode(encoding)


def as_csv(rows, encoding="utf-8", delimiter=","):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def as_parquet(rows):
    made = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(made)
    return made.getvalue()


def zipped(content, name="reviews.jsonl"):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, content)
    return made.getvalue()


COMPRESSED = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd.compress,
}  # fmt: skip
COLUMNS = {name: name for name in ("title", "rating", "timestamp")}
