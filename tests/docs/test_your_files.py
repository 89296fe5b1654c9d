"""Every row of the tables "what your file looks like, and what to type" is typed, and gives what the plain file gives."""

import io
import json
import re
import shlex
import sys

import pytest

from tests.data import forms
from tests.docs.invented import reviews
from tests.docs.page import PAGES
from unlike.data.corpus import Corpus

PAGE = PAGES["your-data.md"].read_text(encoding="utf-8")
ROWS = re.findall(r"^\| [^|]+ \| `(unlike (?:curate|evaluate) [^`]+)` \|$", PAGE, flags=re.MULTILINE)
CURATE = [row for row in ROWS if row.startswith("unlike curate")]
EVALUATE = [row for row in ROWS if row.startswith("unlike evaluate")]
DAY_MS = 86_400_000


def rows():
    ours = {"author": "user_id", "product": "item_id", "body": "text", "date": "timestamp"}
    for row in reviews():
        yield {ours[name]: value for name, value in row.items() if name in ours} | {
            "text": f"À vrai dire: {row['body']}"
        }


def day(row):
    year, month, day_ = row["timestamp"].split("-")
    return f"{day_}/{month}/{year}"


@pytest.fixture
def files(folder):
    """The files that the rows name."""
    plain = list(rows())
    micro = [row | {"timestamp": (1_672_531_200 + n * 86_400) * 10**6} for n, row in enumerate(plain)]
    contents = {
        "reviews.csv": forms.as_csv(plain),
        "reviews.jsonl": forms.as_jsonl(plain),
        "spreadsheet.csv": forms.as_csv(plain, "cp1252", ";"),
        "tilde.csv": forms.as_csv(plain, delimiter="~"),
        "utf16.csv": forms.as_csv(plain, "utf-16"),
        "mac.csv": forms.as_csv(plain, "mac-roman"),
        "array.json": forms.as_array(plain),
        "python.jsonl": forms.as_python(plain),
        "reviews.jsonl.zst": forms.COMPRESSED[".zst"](forms.as_jsonl(plain)),
        "parts/part-00000": forms.as_parquet(plain[::2]),
        "parts/part-00001": forms.as_parquet(plain[1::2]),
        "parts/_SUCCESS": b"",
        "microseconds.jsonl": forms.as_jsonl(micro),
        "order.jsonl": forms.as_jsonl([row | {"timestamp": n} for n, row in enumerate(plain)]),
        "days.csv": forms.as_csv([row | {"timestamp": day(row)} for row in plain]),
        "no-times.csv": forms.as_csv([{k: v for k, v in row.items() if k != "timestamp"} for row in plain]),
        "broken.jsonl": forms.as_jsonl(plain) + b"{broken\n" * len(plain),
        "html.jsonl": forms.as_jsonl([row | {"text": f"<b>{row['text']}</b>"} for row in plain]),
        "ours.jsonl": forms.as_jsonl([{"text": "a b", "reference": ["x", "a b"]}, {"text": "a", "reference": "b"}]),
        "theirs.csv": forms.as_csv([{"prediction": "a b", "label": "a b"}, {"prediction": "a", "label": "b"}]),
        "lamp.json": json.dumps({"golds": [{"id": "1", "output": "a b"}, {"id": "2", "output": "a"}]}).encode(),
        "golds.json": json.dumps({"golds": [{"id": "2", "output": "b"}, {"id": "1", "output": "a b"}]}).encode(),
    }
    for row in plain:
        name = f"by-item/item_id={row['item_id']}/0.jsonl"
        line = forms.as_jsonl([{k: v for k, v in row.items() if k != "item_id"}])
        contents[name] = contents.get(name, b"") + line
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def typed(row):
    command, _, given = row.partition(" < ")
    return shlex.split(command), given


def test_the_tables_are_found():
    assert (len(CURATE), len(EVALUATE)) == (17, 3)


@pytest.mark.parametrize("row", CURATE)
def test_what_to_type_for_a_file(row, files, reader, monkeypatch):
    words, given = typed(row)
    if given:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((files / given).read_bytes())))
    reader.type([*words, "--preset", "small", "--out", "made"])
    made = Corpus.open(files / "made")
    expected = {(one["user_id"], one["item_id"]): one["text"] for one in rows()}
    texts = {(one.user_id, one.item_id): one.text.removeprefix("<b>").removesuffix("</b>") for one in made.records()}
    assert texts == expected
    assert len({one.timestamp for one in made.records()}) > 1 or "no-times" in row
    assert bool(made.manifest["warnings"]) == ("no-times" in row)


@pytest.mark.parametrize("row", EVALUATE)
def test_what_to_type_for_texts(row, files, reader):
    words, _ = typed(row)
    reader.type([*words, "--metrics", "rouge1", "--out", "results.json"])
    (scored,) = json.loads((files / "results.json").read_text())["rows"]
    assert (scored["mean"], scored["n"], scored["tokens"]) == (0.5, 2, "rouge-score's")


def test_a_file_of_the_page_goes_into_a_store(files, reader):
    reader.type(shlex.split("unlike ingest spreadsheet.csv --store memory"))
    assert "84 new records" in reader.said[-1]
