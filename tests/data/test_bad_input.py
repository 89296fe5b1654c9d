"""Malformed lines are set apart; what is unusable as a whole is one clear error."""

import errno
import gzip
import json
import os

import polars as pl
import pytest

from tests.data.rows import item, review
from unlike.data.curate import curate
from unlike.data.folder import building, writing
from unlike.data.sources import amazon_2014, table, yelp
from unlike.data.steps import ANY, Step, Steps
from unlike.errors import InputError
from unlike.settings import CURATE_PRESETS

BAD = [
    (b'{"user_id": "u1", ', "not JSON"),
    (b"[1, 2]", "not a JSON object"),
    (b'{"user_id": "\xff", "asin": "i1", "text": "t"}', "not UTF-8"),
    (json.dumps(review(text=None)).encode(), "no text"),
    (json.dumps(review(user="")).encode(), "no user_id"),
    (json.dumps(review(user="  ")).encode(), "no user_id"),
    (json.dumps(review(text="")).encode(), "no text"),
    (json.dumps(review(text=["a", "b"])).encode(), "text is a list, not a text"),
    (b'{"user_id": "u1"} {"user_id": "u2"}', "not JSON"),
]
UTF8 = json.dumps(review("d", text="a text in UTF-8: é"), ensure_ascii=False).encode()


def quarantined(folder):
    return [json.loads(line) for line in (folder / "quarantine.jsonl").read_text().splitlines()]


def test_malformed_lines_are_set_apart_with_line_and_reason(write_lines, tmp_path, lenient):
    good = [
        review("b"),
        review("c", text="[brackets] and a text"),
        UTF8,
        json.dumps(review("é"), ensure_ascii=False).encode(),
    ]
    lines = [review("a"), b"", *(line for line, _ in BAD), *good]
    source = amazon_2014(write_lines("reviews.jsonl.gz", lines), write_lines("items.jsonl", [item(), b"{"]))
    corpus = curate(source, lenient, tmp_path / "c")
    assert corpus.users() == ["a", "b", "c", "d", "é"]
    found = quarantined(tmp_path / "c")
    assert corpus.manifest["quarantined"] == len(found) == len(BAD) + 1
    assert found[-1]["file"] == "items.jsonl"
    for row, number, (_, reason) in zip(found[:-1], range(3, 100), BAD, strict=False):
        assert (row["file"], row["line"]) == ("reviews.jsonl.gz", number)
        assert row["reason"].startswith(reason)


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_each_malformed_line_is_found_among_many_good_ones(write_lines, tmp_path, lenient, line, reason):
    lines = [*(review(f"u{n}") for n in range(50)), line, UTF8]
    source = amazon_2014(write_lines("reviews.jsonl", lines), write_lines("items.jsonl", [item()]))
    assert len(curate(source, lenient, tmp_path / "c").users()) == 51
    (found,) = quarantined(tmp_path / "c")
    assert found["line"] == 51
    assert found["reason"].startswith(reason)


def test_malformed_rows_of_a_csv(tmp_path, lenient):
    path = tmp_path / "t.csv"
    path.write_bytes(
        b'user_id,item_id,text\na,x,hello there\nb,x\n\nc,x,hello \xff there\nd,x,"two\nlines here"\ne,,no item\n'
        b"f,x,a caf\xc3\xa9 here\n"
    )
    corpus = curate(table(path), lenient, tmp_path / "c")
    assert corpus.users() == ["a", "d", "f"]
    assert [(row["line"], row["reason"]) for row in quarantined(tmp_path / "c")] == [
        (3, "2 cells, the header has 3"),
        (5, "not UTF-8"),
        (8, "no item_id"),
    ]


def test_no_quarantine_file_where_nothing_is_malformed(write_lines, tmp_path, lenient):
    source = amazon_2014(write_lines("r.jsonl", [review()]), write_lines("i.jsonl", [item()]))
    assert curate(source, lenient, tmp_path / "c").manifest["quarantined"] == 0
    assert not (tmp_path / "c" / "quarantine.jsonl").exists()


def refused(source, settings, out):
    """The one line that a source is refused with; nothing may be left behind."""
    with pytest.raises(InputError) as caught:
        curate(source, settings, out)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))
    return str(caught.value)


def test_a_missing_file(tmp_path, lenient):
    assert "no such file" in refused(table(tmp_path / "none.jsonl"), lenient, tmp_path / "c")


def test_a_file_of_unknown_format(tmp_path, lenient):
    (tmp_path / "t.xlsx").write_text("x")
    assert "t.xlsx is no table by its name; allowed are .jsonl" in refused(
        table(tmp_path / "t.xlsx"), lenient, tmp_path / "c"
    )


@pytest.mark.parametrize("cut", [20, -12])
def test_a_broken_gzip(tmp_path, lenient, cut):
    path = tmp_path / "t.jsonl.gz"
    rows = "\n".join(json.dumps({"user_id": f"u{n}", "item_id": "x", "text": f"hello {n}"}) for n in range(1000))
    path.write_bytes(gzip.compress(rows.encode())[:cut])
    assert "t.jsonl.gz is a broken gzip file" in refused(table(path), lenient, tmp_path / "c")


def test_a_file_that_is_not_gzip(tmp_path, lenient):
    (tmp_path / "t.jsonl.gz").write_bytes(b"{}")
    assert "broken gzip" in refused(table(tmp_path / "t.jsonl.gz"), lenient, tmp_path / "c")


def test_a_broken_parquet(tmp_path, lenient):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 but no more than that")
    assert "t.parquet cannot be read" in refused(table(tmp_path / "t.parquet"), lenient, tmp_path / "c")


def test_an_empty_file(tmp_path, lenient):
    (tmp_path / "t.jsonl").write_bytes(b"\n")
    assert "t.jsonl has no usable line: it is empty" in refused(table(tmp_path / "t.jsonl"), lenient, tmp_path / "c")


def test_no_valid_line(write_lines, tmp_path, lenient):
    message = refused(table(write_lines("t.jsonl", [b"garbage", b"more"])), lenient, tmp_path / "c")
    assert message.startswith("t.jsonl has no usable line: line 1: not JSON")


def test_a_wrong_type_in_all_lines(write_lines, tmp_path, lenient):
    row = {"user_id": "a", "item_id": "x", "text": "hello there", "stars": "good"}
    message = refused(table(write_lines("t.jsonl", [row, row]), {"rating": "stars"}), lenient, tmp_path / "c")
    assert message.startswith("t.jsonl has no value for stars in any line that can be read, only values such as 'good'")


@pytest.mark.parametrize("columns", [{"rating": "starz"}, {"user_id": "author"}])
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_an_unknown_column(write_lines, tmp_path, lenient, form, columns):
    rows = [{"user_id": "a", "item_id": "x", "text": "hello there"}]
    path = write_lines("t.jsonl", rows) if form == "jsonl" else tmp_path / f"t.{form}"
    frame = pl.DataFrame(rows)
    _ = {"jsonl": lambda: None, "csv": lambda: frame.write_csv(path), "parquet": lambda: frame.write_parquet(path)}[
        form
    ]()
    message = refused(table(path, columns), lenient, tmp_path / "c")
    assert next(iter(columns.values())) in message


def test_an_unknown_name_to_map():
    with pytest.raises(InputError, match="unknown column to map: author; allowed are user_id"):
        table("t.jsonl", {"author": "user_id"})


def test_a_parquet_column_of_a_wrong_type(tmp_path, lenient):
    pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "text": [["a", "b"]]}).write_parquet(tmp_path / "t.parquet")
    message = refused(table(tmp_path / "t.parquet"), lenient, tmp_path / "c")
    assert message == "column text of t.parquet is List(String); a text is needed; name another column"


def test_when_nothing_survives_the_error_names_the_threshold(write_lines, tmp_path, lenient):
    from dataclasses import replace

    source = yelp(
        write_lines("r.json", [{"review_id": "1", "user_id": "u", "business_id": "b", "stars": 1, "text": "short",
                                "date": "2020-01-01 00:00:00"}]),
        write_lines("b.json", [{"business_id": "b", "name": "B"}]),
    )  # fmt: skip
    long = refused(source, replace(lenient, min_chars=300), tmp_path / "c")
    assert "records: 1 after 'read', 1 after 'title, rating and timestamp', 0 after 'long enough'" in long
    assert "Removed by 'long enough' 1 (--min-chars 300): lower these options" in long
    many = refused(source, replace(lenient, min_records=7), tmp_path / "c")
    assert "--min-records 7" in many
    profile = refused(source, replace(lenient, min_profile=2), tmp_path / "c")
    assert "--min-profile 2" in profile


def test_every_rule_that_removed_records_is_named_with_its_options(tmp_path):
    text = "It does what it should, and it has done so since the first day. " * 4
    rows = [("u", "i", text)] + [(f"u{n}", "i", f"short {n}") for n in range(9)]
    pl.DataFrame(rows, ["user_id", "item_id", "text"], orient="row").write_csv(tmp_path / "t.csv")
    message = refused(table(tmp_path / "t.csv"), CURATE_PRESETS["small"], tmp_path / "c")
    assert "1 after 'long enough'" in message and "0 after 'reviewers and records, pass 1'" in message
    assert (
        "'long enough' 9 (--min-chars 200), 'reviewers and records' 1 (--min-records 5, --min-reviewers 4)" in message
    )
    assert "preset" not in message
    with pytest.raises(InputError, match="--description-chars .100, 2000., or any"):
        Steps(CURATE_PRESETS["dpl-paper"], [Step("read", 1, 1, 1)]).note(Step("described", 0, 0, 0), ANY)


def test_a_folder_that_is_no_corpus_is_not_touched(write_lines, tmp_path, lenient):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="exists and is no corpus"):
        curate(
            amazon_2014(write_lines("r.jsonl", [review()]), write_lines("i.jsonl", [item()])), lenient, tmp_path / "c"
        )
    assert (tmp_path / "c" / "thesis.tex").read_text() == "years of work"


def test_no_disk_space(tmp_path):
    with pytest.raises(InputError, match="cannot write c: No space left on device"), writing(tmp_path / "c"):
        pl.DataFrame({"a": ["x" * 100] * 100_000}).write_parquet("/dev/full")
    with pytest.raises(InputError, match="cannot write c: No space left on device"), writing(tmp_path / "c"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_other_errors_are_not_called_disk_errors(tmp_path):
    with pytest.raises(ZeroDivisionError), building(tmp_path / "c"):
        _ = 1 / 0
    assert not list(tmp_path.iterdir())


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


@pytest.mark.parametrize("name", ["c", "c[1]"])
def test_what_a_killed_run_left_is_swept(tmp_path, dead, name):
    for kind in ("partial", "old"):
        (tmp_path / f".{name}.{kind}-{os.getppid()}").mkdir()
        (tmp_path / f".{name}.{kind}-{dead}").mkdir()
    (tmp_path / name).mkdir()
    with building(tmp_path / name) as folder:
        (folder / "manifest.json").write_text("{}")
    assert {one.name for one in tmp_path.iterdir()} == {
        name, f".{name}.partial-{os.getppid()}", f".{name}.old-{os.getppid()}"
    }  # fmt: skip


def test_an_old_corpus_returns_where_a_killed_run_left_none(tmp_path, dead):
    old = tmp_path / f".c.old-{dead}"
    old.mkdir()
    (old / "manifest.json").write_text("old")
    with pytest.raises(ZeroDivisionError), building(tmp_path / "c"):
        _ = 1 / 0
    assert (tmp_path / "c" / "manifest.json").read_text() == "old"
    assert not old.exists()
