"""The forms in which people have their data, each read as what it is, and said so."""

import io
import json
import sys
from dataclasses import replace

import polars as pl
import pytest

from tests.data import forms
from tests.data.rows import item, review
from unlike.data import sources
from unlike.data.curate import curate
from unlike.data.sources import table
from unlike.data.tables import jsonl
from unlike.data.tables.fields import Reading
from unlike.errors import InputError
from unlike.settings import CURATE_PRESETS

SMALL = replace(CURATE_PRESETS["small"], min_chars=5)


def curated(path, mapped=forms.COLUMNS, **reading):
    return curate(table(path, mapped, reading=Reading(**reading)), SMALL, path.with_name("made"))


def whole(corpus):
    """The 36 records with their accents."""
    assert {record.text for record in corpus.records()} == {one["text"] for one in forms.records()}
    assert corpus.manifest["quarantined"] == 0
    return corpus.manifest["reading"]["assumed"]


# Where and how files lie ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", forms.COMPRESSED)
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_compressed(tmp_path, form, suffix):
    path = tmp_path / f"reviews.{form}{suffix}"
    make = {"jsonl": forms.as_jsonl, "csv": forms.as_csv}[form]
    path.write_bytes(forms.COMPRESSED[suffix](make(forms.records())))
    whole(curated(path))


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst", ".zip"])
def test_a_damaged_archive_is_one_clear_error(tmp_path, suffix):
    path = tmp_path / f"reviews.jsonl{suffix}"
    content = forms.as_jsonl(forms.records())
    path.write_bytes(forms.zipped(content) if suffix == ".zip" else forms.COMPRESSED[suffix](content))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=f"reviews.jsonl{suffix} is a broken .* file"):
        curated(path)


def test_a_zip_archive_is_a_folder(tmp_path):
    rows = forms.records()
    with __import__("zipfile").ZipFile(tmp_path / "reviews.zip", "w") as archive:
        archive.writestr("a/reviews-1.jsonl", forms.as_jsonl(rows[:9]))
        archive.writestr("a/reviews-2.csv", forms.as_csv(rows[9:]))
        archive.writestr("__MACOSX/._reviews", b"x")
        archive.writestr("readme.md", b"how to read it")
    whole(curated(tmp_path / "reviews.zip"))


@pytest.mark.parametrize("form", [forms.as_jsonl, forms.as_csv, forms.as_parquet])
def test_parts_without_a_suffix_are_known_by_their_content(tmp_path, form):
    folder, rows = tmp_path / "out", forms.records()
    folder.mkdir()
    for n in range(3):
        (folder / f"part-0000{n}").write_bytes(form(rows[n::3]))
    (folder / "_SUCCESS").write_bytes(b"")
    (folder / ".part-00000.crc").write_bytes(b"crc")
    whole(curated(folder))


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_folders_that_name_a_column(tmp_path, form):
    make = {"jsonl": forms.as_jsonl, "csv": forms.as_csv, "parquet": forms.as_parquet}[form]
    for n in range(6):
        folder = tmp_path / "hive" / f"item_id={n}" / "year=2014"
        folder.mkdir(parents=True)
        rows = [{k: v for k, v in row.items() if k != "item_id"} for row in forms.records() if row["item_id"] == str(n)]
        (folder / f"0.{form}").write_bytes(make(rows))
    whole(curated(tmp_path / "hive"))


def test_empty_parts_among_full_ones(tmp_path):
    folder, rows = tmp_path / "out", forms.records()
    folder.mkdir()
    (folder / "0.jsonl").write_bytes(b"")
    (folder / "1.jsonl").write_bytes(forms.as_jsonl(rows))
    (folder / "2.jsonl").write_bytes(b"\n\n")
    (folder / "3.csv").write_bytes(forms.as_csv(rows).splitlines(keepends=True)[0])
    (folder / "4.parquet").write_bytes(b"")
    whole(curated(folder))


def test_standard_input(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(forms.as_csv(forms.records()))))
    source = table(sources.Path("-"), forms.COLUMNS)
    whole(curate(source, SMALL, tmp_path / "made"))


# Text files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
def test_encodings_are_recognised(tmp_path, form, encoding):
    make = {"jsonl": forms.as_jsonl, "json": forms.as_array, "csv": forms.as_csv}[form]
    (tmp_path / f"reviews.{form}").write_bytes(make(forms.records(), encoding))
    assumed = whole(curated(tmp_path / f"reviews.{form}"))
    assert "reviews" in next(iter(assumed)) if encoding != "utf-8-sig" else True
    assert encoding.partition("-sig")[0] in str(assumed) or encoding == "utf-8-sig"


@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("chunk_bytes", [50, 2**20])
def test_how_a_line_is_read_depends_on_no_line_before_it(tmp_path, monkeypatch, form, chunk_bytes):
    """The bytes of "ß“" in cp1252 are a letter in UTF-8, so only the rest of the file says what they are."""
    monkeypatch.setattr(jsonl, "CHUNK_BYTES", chunk_bytes)
    make = {"jsonl": forms.as_jsonl, "json": forms.as_array, "csv": forms.as_csv}[form]
    rows = forms.records()
    rows[0]["text"] = "Er sagte Spaß“ und das war alles"
    (tmp_path / f"r.{form}").write_bytes(make(rows, "cp1252"))
    assert {one.text for one in curated(tmp_path / f"r.{form}").records()} == {one["text"] for one in rows}


def test_chinese_in_utf16_keeps_every_record(tmp_path):
    rows = [one | {"text": f"这个手机很好用，我很喜欢 {n}"} for n, one in enumerate(forms.records())]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows, "utf-16"))
    assert {one.text for one in curated(tmp_path / "r.jsonl").records()} == {one["text"] for one in rows}


@pytest.mark.parametrize(("given", "delimiter"), [("", ";"), (";", ";"), ("", "\t"), ("\\t", "\t"), ("", "|")])
def test_delimiters(tmp_path, given, delimiter):
    (tmp_path / "r.csv").write_bytes(forms.as_csv(forms.records(), delimiter=delimiter))
    assert whole(curated(tmp_path / "r.csv", delimiter=given))["r.csv, columns"] == f"separated by {delimiter!r}"


@pytest.mark.parametrize("encoding", ["latin-99", "rot13", "base64", "hex", "undefined"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_no_text_encoding_is_refused(tmp_path, form, encoding):
    (tmp_path / f"r.{form}").write_bytes(b"user_id,item_id,text\n")
    with pytest.raises(InputError, match=f"no text encoding '{encoding}'; give an encoding such as utf-8"):
        curated(tmp_path / f"r.{form}", encoding=encoding)


@pytest.mark.parametrize("delimiter", ["||", '"', "\n", "\\t\\t"])
def test_a_delimiter_is_one_character(tmp_path, delimiter):
    (tmp_path / "r.csv").write_bytes(forms.as_csv(forms.records()))
    with pytest.raises(InputError, match="--delimiter is .*; give one character"):
        curated(tmp_path / "r.csv", delimiter=delimiter)


@pytest.mark.parametrize(
    ("at", "value", "fault"),
    [(6, 1, "is encrypted, password required"), (8, 97, "compression method is not supported")],
)
def test_archives_that_cannot_be_unpacked(tmp_path, at, value, fault):
    content = bytearray(forms.zipped(forms.as_jsonl(forms.records())))
    content[at] = content[content.index(b"PK\1\2") + at + 2] = value  # in the header of the file and in the directory
    (tmp_path / "r.zip").write_bytes(content)
    with pytest.raises(InputError, match=f"reviews.jsonl cannot be unpacked: .*{fault}.*; unpack the archive"):
        curated(tmp_path / "r.zip")


def test_an_encoding_that_is_given(tmp_path):
    (tmp_path / "r.csv").write_bytes(forms.as_csv(forms.records(), "mac_roman"))
    whole(curated(tmp_path / "r.csv", encoding="mac-roman"))


def test_a_lone_quotation_mark_costs_its_own_line(tmp_path):
    lines = ["user_id,item_id,text", *(f'u{n},i,"text, of {n}"' for n in range(300))]
    lines[100] = 'u99,i,"never closed'
    lines[200] = 'u199,i,a 5" nail'
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    settings = replace(SMALL, min_records=1, min_profile=0, train_targets=0, val_targets=0)
    corpus = curate(table(tmp_path / "r.csv"), settings, tmp_path / "made")
    assert len(corpus.users()) == 299
    assert corpus.record("u199:i").text == 'a 5" nail'
    (bad,) = [json.loads(line) for line in (tmp_path / "made" / "quarantine.jsonl").read_text().splitlines()]
    assert bad == {"file": "r.csv", "line": 101,
                   "reason": "a quotation mark opens a cell and does not close; double or remove it"}  # fmt: skip


def test_a_quotation_mark_on_the_last_line(tmp_path):
    (tmp_path / "r.csv").write_text('user_id,item_id,text\na,i,"so far\nb,i,a text\nc,i,"and here\nd,i,a text\n')
    settings = replace(SMALL, min_records=1, min_profile=0, train_targets=0, val_targets=0, min_reviewers=1)
    assert curate(table(tmp_path / "r.csv"), settings, tmp_path / "made").users() == ["b", "d"]


def test_too_many_malformed_lines_stop_it_and_the_lines_stay(tmp_path):
    rows = forms.as_jsonl(forms.records()) + b"{broken\n" * 12
    (tmp_path / "r.jsonl").write_bytes(rows)
    with pytest.raises(
        InputError, match="12 of 48 lines are malformed, 12 of them: not JSON; .*--max-malformed 0.26; 12 mal"
    ):
        curated(tmp_path / "r.jsonl")
    assert len((tmp_path / "made.quarantine.jsonl").read_text().splitlines()) == 12
    assert curated(tmp_path / "r.jsonl", max_malformed=0.26).manifest["quarantined"] == 12
    assert not (tmp_path / "made.quarantine.jsonl").exists()


# Values --------------------------------------------------------------------------------------------------------------


def test_no_timestamps_are_warned_of_and_so_are_equal_ones(tmp_path):
    rows = forms.records()
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    corpus = curated(tmp_path / "r.jsonl", {"timestamp": "-"})
    assert "the records have no timestamp" in corpus.manifest["warnings"][0]
    assert "--time paper" in corpus.manifest["warnings"][0]
    assert corpus.manifest["peers"] == {"cases": 24, "without_as_of": 24, "without_paper": 0}
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl([row | {"timestamp": "2014-05-13"} for row in rows]))
    assert "all records have the same timestamp" in curated(tmp_path / "r.jsonl").manifest["warnings"][0]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    assert curated(tmp_path / "r.jsonl").manifest["warnings"] == []


def test_columns_with_our_names_are_read_unless_they_are_empty_or_left_out(tmp_path):
    rows = [row | {"record_id": f"r{number}"} for number, row in enumerate(forms.records())]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    whole = curated(tmp_path / "r.jsonl", {})
    record = next(iter(whole.records()))
    assert (record.id[0], bool(record.title), record.rating is None) == ("r", True, False)
    assert {"title", "rating", "timestamp", "record_id"} <= set(whole.manifest["source"]["columns"])
    assert "item_title" not in whole.manifest["source"]["columns"]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl([row | {"rating": None, "title": None} for row in rows]))
    bare = curated(tmp_path / "r.jsonl", {})
    assert len(bare.records()) == len(whole.records())
    without = curated(tmp_path / "r.jsonl", {"record_id": "-"})
    assert {one.id for one in without.records()} == {f"{one.user_id}:{one.item_id}" for one in without.records()}
    with pytest.raises(InputError, match="item_id cannot be left out"):
        curated(tmp_path / "r.jsonl", {"item_id": "-"})


@pytest.mark.parametrize("columns", [{}, {"record_id": "record_id"}])
def test_a_record_without_an_id_gets_one_of_user_and_item(tmp_path, columns):
    first, *others = forms.records()
    rows = [first | {"record_id": "  "}, *(row | {"record_id": f"r{n}"} for n, row in enumerate(others))]
    del rows[1]["record_id"]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    ids = [record.id for record in curated(tmp_path / "r.jsonl", columns).records()]
    assert sorted(one for one in ids if one[0] != "r") == sorted(f"{r['user_id']}:{r['item_id']}" for r in rows[:2])
    assert len(ids) == len(rows)


def test_an_object_for_the_item_is_read(tmp_path):
    rows = [row | {"item": {"title": f"Title of {row['item_id']}"}} for row in forms.records()]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    corpus = curated(tmp_path / "r.jsonl", {})
    assert {item.title for item in corpus.items()} == {f"Title of {item.id}" for item in corpus.items()}


def test_the_share_of_cases_without_peers(tmp_path):
    """User 0 writes first on everything: of the others' texts none precedes the cases of its first day."""
    rows = [row | {"timestamp": forms.START_S + int(row["user_id"]) * 10_000_000} for row in forms.records()]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    corpus = curated(tmp_path / "r.jsonl")
    assert corpus.manifest["peers"] == {"cases": 24, "without_as_of": 4, "without_paper": 0}
    for case in corpus.cases():
        history = corpus.history(case.user_id, case.moment)
        seen = [p for r in history for p in corpus.peers(r.item_id, case.timestamp) if p.user_id != case.user_id]
        assert bool(seen) == (case.user_id != "0")


@pytest.mark.parametrize("per_s", [1, 10**3, 10**6, 10**9])
def test_units_of_time(tmp_path, per_s):
    rows = [row | {"timestamp": row["timestamp"] * per_s} for row in forms.records()]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    (tmp_path / "r.parquet").write_bytes(forms.as_parquet(rows))
    for name in ("r.jsonl", "r.parquet"):
        corpus = curated(tmp_path / name)
        assert corpus.record("0:0").timestamp == forms.START_S * 1000
        assert len(corpus.cases("test")) == 6


def test_a_time_of_another_zone_in_parquet(tmp_path):
    rows = pl.DataFrame(forms.records()).with_columns(
        pl.from_epoch("timestamp").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    )
    rows.write_parquet(tmp_path / "r.parquet")
    assert curated(tmp_path / "r.parquet").record("0:0").timestamp == forms.START_S * 1000


def test_days_and_months_that_could_be_each_other_are_refused(tmp_path):
    rows = [row | {"timestamp": f"{1 + n % 12:02}/{1 + n % 11:02}/2014"} for n, row in enumerate(forms.records())]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    with pytest.raises(InputError, match="values of timestamp cannot be read, .*--time-format '%d/%m/%Y'"):
        curated(tmp_path / "r.jsonl")
    assert curated(tmp_path / "r.jsonl", time_format="%d/%m/%Y").record("0:1").timestamp == 1_391_299_200_000


def test_the_order_of_dates_is_that_of_all_files_and_without_any_the_error_says_so(tmp_path):
    rows = [row | {"timestamp": f"{1 + n % 28:02}/{1 + n % 11:02}/2014"} for n, row in enumerate(forms.records())]
    ambiguous_first = sorted(rows, key=lambda row: row["timestamp"])
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "1.jsonl").write_bytes(forms.as_jsonl(ambiguous_first[:5]))
    (tmp_path / "r" / "2.csv").write_bytes(forms.as_csv(ambiguous_first[5:]))
    corpus = curated(tmp_path / "r")
    given = curated(tmp_path / "r", time_format=("%d/%m/%Y",))
    assert [one.timestamp for one in corpus.records()] == [one.timestamp for one in given.records()]
    assert "timestamp, " in next(iter(corpus.manifest["reading"]["assumed"]))
    few = [row | {"timestamp": "03/04/2014"} for row in rows[:5]] + [rows[5] | {"timestamp": "2014-05-06"}]
    (tmp_path / "few.jsonl").write_bytes(forms.as_jsonl(few))
    with pytest.raises(InputError, match="nothing is left.*5 values of timestamp could be day or month first"):
        curated(tmp_path / "few.jsonl")


def test_ratings_as_people_write_them(tmp_path):
    ways = ["4/5", "4,0", "★★★★", "4.0 out of 5 stars", 4, "4"]
    rows = [row | {"rating": ways[n % 6]} for n, row in enumerate(forms.records())]
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    assert {record.rating for record in curated(tmp_path / "r.jsonl").records()} == {4.0}


def test_ratings_that_cannot_be_read_are_counted_and_those_far_away_flagged(tmp_path):
    rows = forms.records()
    rows[0]["rating"], rows[7]["rating"], rows[14]["rating"] = "N/A", float("nan"), 400
    (tmp_path / "r.jsonl").write_bytes(forms.as_jsonl(rows))
    corpus = curated(tmp_path / "r.jsonl")
    assert corpus.manifest["warnings"] == [
        "1 rating far from the others (2 to 4 in the middle): 400", "1 value of rating cannot be read: 'N/A'",
    ]  # fmt: skip
    assert len(corpus.records()) == 36  # all stay, also the ones without a rating
    assert corpus.manifest["quarantined"] == 0


def test_numbers_of_items_cost_no_item(write_lines, tmp_path, lenient):
    items = [item(f"i{n}", rating_number=value) for n, value in enumerate(["1,234", "many", None])]
    meta = write_lines("items.jsonl", [one | {"parent_asin": one["asin"]} for one in items])
    reviews = write_lines("r.jsonl", [review(f"u{n}", f"i{n}") for n in range(3)])
    corpus = curate(sources.amazon_2023(reviews, meta), lenient, tmp_path / "c")
    assert [corpus.item(f"i{n}").attributes.get("rating_number") for n in range(3)] == [1234, None, None]


@pytest.mark.parametrize(
    ("cell", "categories"),
    [
        ("Kitchen", ["Kitchen"]),
        ("Rock & Pop, Jazz", ["Rock & Pop", "Jazz"]),
        ('["Music", ["Pop &amp; Rock"]]', ["Music", "Pop & Rock"]),
        ("[Live] Albums", ["[Live] Albums"]),
        ("2014", ["2014"]),
        ("", None),
    ],
)
def test_a_cell_of_categories_is_a_json_list_or_a_text(write_lines, tmp_path, lenient, cell, categories):
    reviews = write_lines("r.jsonl", [{"user_id": "u", "item_id": "1", "text": "a text of some length"}])
    for items in (tmp_path / "i.csv", tmp_path / "i.parquet"):
        rows = [{"item_id": "1", "title": "T", "categories": cell}]
        items.write_bytes(forms.as_csv(rows) if items.suffix == ".csv" else forms.as_parquet(rows))
        corpus = curate(table(reviews, items=items), lenient, tmp_path / items.suffix[1:])
        assert corpus.item("1").attributes.get("categories") == categories, items.name


def test_markup_is_taken_out_before_lengths_are_counted(write_lines, tmp_path, lenient):
    rows = [review("a", text="So <br /><br />good &amp; &#34;loud&#34;"), review("b", text="A<br />" * 8), review("c")]
    meta = [item(title="R&amp;B", description=["<p>What it <b>is</b></p>"], categories=["Movies &amp; TV"])]
    source = sources.amazon_2014(write_lines("r.jsonl", rows), write_lines("i.jsonl", meta))
    corpus = curate(source, replace(lenient, min_chars=17), tmp_path / "c")
    assert {one.user_id: one.text for one in corpus.records()} == {
        "a": 'So good & "loud"',
        "c": "a text of some length",
    }
    assert (corpus.item("i1").title, corpus.item("i1").description) == ("R&B", "What it is")
    assert corpus.item("i1").attributes == {"categories": ["Movies & TV"]}
    assert corpus.manifest["reading"]["texts_with_markup"] == 4
    kept = curate(replace(source, reading=Reading(keep_markup=True)), lenient, tmp_path / "k")
    assert kept.record("a:i1").text == "So <br /><br />good &amp; &#34;loud&#34;"
    assert kept.manifest["reading"]["markup_kept"] is True


# Data sets -----------------------------------------------------------------------------------------------------------


def test_amazon_2014_as_python_and_without_items(tmp_path, lenient):
    rows = [
        {"reviewerID": "u1", "asin": "0001", "reviewText": "It's a \"text\"", "summary": "Don't", "overall": 5.0,
         "helpful": [0, 0], "unixReviewTime": 1_400_000_000, "reviewTime": "05 13, 2014"},
        {"reviewerID": "u2", "asin": "0001", "reviewText": "Another é", "summary": "x", "overall": 1.0,
         "helpful": [0, 0], "unixReviewTime": 1_400_000_000, "reviewTime": "05 13, 2014"},
    ]  # fmt: skip
    (tmp_path / "reviews.json").write_bytes(forms.as_python(rows))
    corpus = curate(sources.amazon_2014(tmp_path / "reviews.json"), lenient, tmp_path / "c")
    assert [(one.user_id, one.text, one.title, one.timestamp) for one in corpus.records()] == [
        ("u1", "It's a \"text\"", "Don't", 1_400_000_000_000), ("u2", "Another é", "x", 1_400_000_000_000),
    ]  # fmt: skip


def test_python_lines_are_read_and_never_run(tmp_path, lenient):
    (tmp_path / "r.jsonl").write_text(
        "{'user_id': 'a', 'item_id': 'x', 'text': 'a text'}\n{'user_id': exit(), 'text': ''}\n"
    )
    corpus = curate(table(tmp_path / "r.jsonl"), lenient, tmp_path / "c")
    assert (corpus.users(), corpus.manifest["quarantined"]) == (["a"], 1)


def test_amazon_2018(write_lines, tmp_path, lenient):
    row = {"overall": 5.0, "vote": "1,234", "verified": True, "reviewTime": "06 3, 2013", "reviewerID": "u1",
           "asin": "B1", "style": {"Size:": " Large"}, "reviewText": "quite a text", "summary": "fine"}  # fmt: skip
    meta = {"asin": "B1", "title": "Kettle", "description": [["One."], "Two."], "category": ["Home", "Kitchen"]}
    source = sources.amazon_2014(write_lines("r.json.gz", [row]), write_lines("m.json.gz", [meta]))
    corpus = curate(source, lenient, tmp_path / "c")
    assert corpus.records()[0].timestamp == 1_370_217_600_000
    assert corpus.item("B1").description == "One. Two."


def test_goodreads(write_lines, tmp_path, lenient):
    row = {"user_id": "u1", "book_id": "24375664", "review_id": "r1", "rating": 5, "review_text": "Mind blowing",
           "date_added": "Fri Aug 25 13:55:02 -0700 2017", "n_votes": 16}  # fmt: skip
    book = {"book_id": 24375664, "title": "A book", "description": "On things", "ratings_count": "1,029"}
    source = sources.goodreads(write_lines("r.json", [row]), write_lines("b.json", [book]))
    corpus = curate(source, lenient, tmp_path / "c")
    assert (corpus.record("r1").timestamp, corpus.record("r1").rating) == (1_503_694_502_000, 5.0)
    assert corpus.item("24375664").attributes == {"rating_number": 1029}
