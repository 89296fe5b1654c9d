import json
from dataclasses import replace

import polars as pl
import pytest

from tests.data.rows import item, review
from unlike.data import sources
from unlike.data.curate import curate
from unlike.data.sources import amazon_2014, amazon_2023, table, yelp

DAY = 86_400_000


def test_amazon_2014_as_renamed(write_lines, tmp_path, lenient):
    reviews = write_lines("reviews.jsonl.gz", [review(), review("u2", text="two  lines\n of   text ", rating=2)])
    items = write_lines("items.jsonl.gz", [item(description=None, categories=[["Music", "Pop"], ["Music", "Rock"]])])
    corpus = curate(amazon_2014(reviews, items), lenient, tmp_path / "c")
    second = corpus.records()[1]
    assert (second.id, second.text, second.title, second.rating) == ("u2:i1", "two lines of text", "fine", 2.0)
    assert second.timestamp == 1_400_000_000_000
    assert corpus.item("i1").description == ""
    assert corpus.item("i1").attributes == {"categories": ["Music", "Pop", "Rock"]}


def test_amazon_2014_with_its_original_keys(write_lines, tmp_path, lenient):
    row = {"reviewerID": "u1", "asin": "i1", "reviewText": "quite a text", "summary": "fine", "overall": 5.0}
    reviews = write_lines("reviews.json.gz", [row | {"unixReviewTime": 1_400_000_000}])
    corpus = curate(amazon_2014(reviews, write_lines("meta.json", [item()])), lenient, tmp_path / "c")
    (record,) = corpus.records()
    assert (record.user_id, record.text, record.title, record.rating) == ("u1", "quite a text", "fine", 5.0)
    assert record.timestamp == 1_400_000_000_000


DESCRIPTIONS = [
    (["Product Description"], ""),
    (["Product Description", "One.", "Two."], "One. Two."),
    (["One.", "Two  lines."], "One. Two lines."),
    (["About", "Product Description"], "About Product Description"),
    ([], ""),
    (None, ""),
    (['It said "hi" \\ and\tleft.'], 'It said "hi" \\ and left.'),
]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_amazon_2023_joins_by_parent_and_reads_descriptions(write_lines, tmp_path, lenient, form):
    rows = [review(f"u{n}", f"child{n}", parent_asin=f"p{n}") for n in range(len(DESCRIPTIONS))]
    rows.append(review("u9", "lonely", parent_asin=None))
    meta = [
        {"parent_asin": f"p{n}", "title": "t", "description": d, "categories": ["Books"], "rating_number": 7}
        for n, (d, _) in enumerate(DESCRIPTIONS)
    ]
    meta.append({"parent_asin": "lonely", "title": "t", "description": [], "categories": [], "rating_number": None})
    if form == "parquet":
        reviews, items = tmp_path / "r.parquet", tmp_path / "m.parquet"
        pl.DataFrame(rows).write_parquet(reviews)
        pl.DataFrame(meta).write_parquet(items)
    else:
        reviews, items = write_lines("r.jsonl", rows), write_lines("m.jsonl", meta)
    corpus = curate(amazon_2023(reviews, items), lenient, tmp_path / "c")
    assert [corpus.item(f"p{n}").description for n in range(len(DESCRIPTIONS))] == [text for _, text in DESCRIPTIONS]
    assert corpus.item("p0").attributes == {"categories": ["Books"], "rating_number": 7}
    assert corpus.item("lonely").attributes == {}
    assert len(corpus.records()) == len(DESCRIPTIONS) + 1


def test_yelp_has_neither_titles_nor_descriptions(write_lines, tmp_path, lenient):
    row = {"review_id": "r1", "user_id": "u1", "business_id": "b1", "stars": 3.0, "text": "what a place it is"}
    reviews = write_lines("review.json", [row | {"date": "2018-07-07 22:09:11"}])
    items = write_lines("business.json", [{"business_id": "b1", "name": "The Place", "categories": "Bars, Food"}])
    corpus = curate(yelp(reviews, items), replace(lenient, description_chars=(100, 2000)), tmp_path / "c")
    (record,) = corpus.records()
    assert (record.id, record.title, record.rating, record.timestamp) == ("r1", "", 3.0, 1_531_001_351_000)
    assert corpus.item("b1").title == "The Place"
    assert corpus.item("b1").attributes == {"categories": ["Bars", "Food"]}


COLUMNS = {"user_id": "author", "item_id": "thing", "text": "body", "rating": "stars", "timestamp": "when"}
ROWS = [
    {"author": "a", "thing": "x", "body": "hello, you\nthere", "stars": 4, "when": "2020-01-02", "name": "X"},
    {"author": "b", "thing": "x", "body": 'a "quoted" body', "stars": None, "when": "2020-01-03", "name": "X"},
    {"author": "c", "thing": "y", "body": "[not a list] at all", "stars": 1.5, "when": "2020-01-04T00:00", "name": "Y"},
]


@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv", "parquet"])
def test_any_table_by_a_mapping(write_lines, tmp_path, lenient, form):
    rows = ROWS[:2] + [ROWS[2] | {"when": "2020-01-04T00:00:00Z"}]
    path = tmp_path / f"t.{form}"
    if form == "jsonl":
        write_lines("t.jsonl", rows)
    elif form == "parquet":
        pl.DataFrame(rows, strict=False).write_parquet(path)
    else:
        pl.DataFrame(rows, strict=False).write_csv(path, separator="\t" if form == "tsv" else ",")
    source = table(path, COLUMNS | {"item_title": "name"})
    corpus = curate(source, lenient, tmp_path / "c")
    # A rating that is mapped is asked for, so b's record is not curated.
    assert [(r.user_id, r.text, r.rating) for r in corpus.records()] == [
        ("a", "hello, you there", 4.0),
        ("c", "[not a list] at all", 1.5),
    ]
    assert [r.timestamp for r in corpus.records()] == [18263 * DAY, 18265 * DAY]
    assert corpus.item("y").title == "Y"


def test_a_table_without_titles_times_and_items(write_lines, tmp_path, lenient):
    path = write_lines("t.jsonl", [{"user_id": "a", "item_id": "x", "text": "hello there"}])
    corpus = curate(table(path), lenient, tmp_path / "c")
    (record,) = corpus.records()
    assert (record.id, record.title, record.rating, record.timestamp) == ("a:x", "", None, 0)
    assert corpus.item("x").title == ""


def test_a_table_with_its_own_ids_and_an_items_file(write_lines, tmp_path, lenient):
    rows = [{"user_id": u, "item_id": "x", "text": "hello there", "nr": n} for u, n in (("a", 1), ("b", 1), ("c", 2))]
    items = write_lines("items.jsonl", [{"key": "x", "name": "X", "about": ["It is", "an X"]}])
    source = table(
        write_lines("t.jsonl", rows),
        {"record_id": "nr"},
        items,
        {"item_id": "key", "title": "name", "description": "about"},
    )
    corpus = curate(source, lenient, tmp_path / "c")
    assert sorted(r.id for r in corpus.records()) == ["1", "1~1", "2"]
    assert corpus.item("x").description == "It is an X"


def test_a_folder_of_files_is_one_table(write_lines, tmp_path, lenient):
    folder = tmp_path / "parts"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.jsonl").write_text(json.dumps({"user_id": f"u{n}", "item_id": "x", "text": "hello there"}))
    assert len(curate(table(folder), lenient, tmp_path / "c").records()) == 3


def test_the_manifest_names_no_paths_of_the_machine(write_lines, tmp_path, lenient):
    source = sources.amazon_2014(write_lines("r.jsonl", [review()]), write_lines("i.jsonl", [item()]))
    curate(source, lenient, tmp_path / "c")
    assert str(tmp_path) not in (tmp_path / "c" / "manifest.json").read_text()
