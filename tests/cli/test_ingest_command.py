"""``unlike ingest``: what is kept, what is said of the rest, and where the keys come from."""

import gzip
import json
import stat

import pytest
from tests.cli.shop import WITHOUT_MODELS, record, write_lines
from tests.data import forms, test_same_records

from unlike.data.curate import curate
from unlike.data.sources import table

WRONG = {
    "no JSON": (b"{", "line 2: not JSON: Expecting"),
    "no object": (b"[1]", "line 2: not a JSON object"),
    "no text": ({"record_id": "x", "user_id": "u", "item_id": "i"}, "line 2: no text"),
    "a blank text": (record("u", "pen", text="  "), "line 2: no text"),
    "no user": (record("u", "pen", user_id=" "), "line 2: no user_id"),
    "a text that is none": (record("u", "pen", text=["a"]), "line 2: text is a list, not a text"),
    "a text that is too long": (
        record("u", "pen", text="x" * 1_000_001),
        "record u-pen: text has 1,000,001 characters",
    ),
    "a time that cannot be read": (
        record("u", "pen", timestamp="31/31/2023"),
        "u-pen: timestamp '31/31/2023' cannot be",
    ),
    "a number that is no time": (
        record("u", "pen", timestamp=17),
        "record u-pen: timestamp '17' cannot be read; correct",
    ),
    "a time that is none": (record("u", "pen", timestamp=[1]), "record u-pen: timestamp 'a list' cannot be read"),
    "a control character in an id": (record("u", "pen", user_id="a\nb"), "user_id has a control character"),
}


def test_what_came_of_the_file_and_what_to_do_next(unlike, lines, tmp_path):
    store = tmp_path / "memory"
    status, out, err = unlike("ingest", lines, "--store", store, "--consent", "peer,own")
    assert status == 0
    assert "15 new records; 5 new users" in out
    assert "5 of 5 new users may be compared with others\n" in out
    assert f"next: unlike profile build --store {store} --llm URI" in out
    assert f"created master key {store}/master.key" in err
    assert stat.S_IMODE((store / "master.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    status, out, err = unlike("ingest", lines, "--store", store)
    assert (status, err) == (0, "")
    assert "0 new records, 15 already there; 0 new users" in out


def test_without_consent_nobody_is_compared_and_it_is_said_how(unlike, lines, tmp_path):
    _, out, _ = unlike("ingest", lines, "--store", tmp_path / "memory")
    assert "0 of 5 new users may be compared with others; where they agree: unlike consent USER --peer yes" in out
    status, out, _ = unlike("consent", "ada", "--store", tmp_path / "memory", "--json")
    assert json.loads(out) == {"own": True, "peer": False, "wording": ""}


def test_identifiers_are_taken_out_and_counted(unlike, tmp_path):
    rows = [record("ada", "pen", text="Mail ada@example.org or bob@example.org, or call +1 415 555 2671.")]
    file = write_lines(tmp_path / "r.jsonl", rows)
    _, out, _ = unlike("ingest", file, "--store", tmp_path / "memory")
    assert "removed from the texts: 2 email, 1 phone" in out
    _, out, _ = unlike("export", "ada", "--store", tmp_path / "memory")
    assert json.loads(out)["records"][0]["text"] == "Mail [email] or [email], or call [phone]."


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_line_is_told_and_the_others_are_kept(wrong, unlike, tmp_path):
    line, message = WRONG[wrong]
    file = write_lines(tmp_path / "r.jsonl", [record("ada", "pen"), line, b"", record("ada", "cup")])
    status, out, err = unlike("ingest", file, "--store", tmp_path / "memory")
    assert status == 3
    assert "2 new records; 1 new user\n" in out
    assert message in err
    assert "1 wrong line skipped; correct them" in err
    status, _, err = unlike("ingest", file, "--store", tmp_path / "strict", "--strict")
    assert status == 2
    assert "has 1 wrong line, so nothing was added" in err
    assert message in err
    assert not (tmp_path / "strict").exists()


def test_of_many_wrong_lines_the_first_few_are_told(unlike, tmp_path):
    file = write_lines(tmp_path / "r.jsonl", [record("ada", "pen"), *[b"{"] * 7])
    status, _, err = unlike("ingest", file, "--store", tmp_path / "memory")
    assert status == 3
    assert err.count("not JSON") == 5
    assert "7 wrong lines skipped (the first 5 are above)" in err


def test_other_words_under_an_id_stay_out(unlike, lines, tmp_path):
    unlike("ingest", lines, "--store", tmp_path / "memory")
    file = write_lines(tmp_path / "r.jsonl", [record("ada", "pen", text="I changed my mind.")])
    status, out, err = unlike("ingest", file, "--store", tmp_path / "memory", "--json")
    assert status == 3
    assert json.loads(out)["conflicts"] == ["ada-pen"]
    status, _, err = unlike("ingest", file, "--store", tmp_path / "memory")
    assert (
        "1 record id already there with another text, title, rating, user or item; the stored ones are kept: ada-pen"
        in err
    )


def test_a_gzipped_file_and_several_chunks(unlike, tmp_path, monkeypatch):
    monkeypatch.setattr("unlike.memory.record_rows.ROWS_AT_ONCE", 4)
    rows = [record("ada", "pen", record_id=f"r{n}") for n in range(10)]
    (tmp_path / "r.jsonl.gz").write_bytes(gzip.compress(write_lines(tmp_path / "r.jsonl", rows).read_bytes()))
    status, out, _ = unlike("ingest", tmp_path / "r.jsonl.gz", "--store", tmp_path / "memory", "--json")
    assert status == 0
    assert json.loads(out) == {
        "n_new": 10, "n_same": 0, "conflicts": [], "n_refused": 0, "n_in_future": 0, "n_wrong": 0, "redacted": {},
        "n_new_users": 1, "n_compared": 0
    }  # fmt: skip
    _, _, err = unlike("ingest", tmp_path / "r.jsonl", "--store", tmp_path / "other")
    assert "reading r.jsonl: 4 of 10, 4 new records" in err


def test_records_of_the_future_are_told(unlike, tmp_path):
    rows = [record("ada", "pen", timestamp="2099-01-01"), record("ada", "ink", timestamp="2020-01-01")]
    lines = write_lines(tmp_path / "r.jsonl", rows)
    status, out, err = unlike("ingest", lines, "--store", tmp_path / "memory")
    assert status == 0 and "2 new records" in out
    assert "1 record dated in the future, taken as the latest of their users" in err


def test_build_follows_where_it_is_asked_for(unlike, lines, tmp_path):
    status, out, _ = unlike("ingest", lines, "--store", tmp_path / "memory", "--build", *WITHOUT_MODELS)
    assert status == 0
    assert "5 profiles built" in out
    assert "next:" not in out
    status, out, _ = unlike("ingest", lines, "--store", tmp_path / "memory", "--build", *WITHOUT_MODELS, "--json")
    assert (json.loads(out)["n_same"], json.loads(out)["users"]) == (15, [])


def test_another_tenant_is_made_and_named(unlike, lines, tmp_path):
    _, _, err = unlike("ingest", lines, "--store", tmp_path / "memory", "--tenant", "acme")
    assert "created tenant 'acme'" in err
    status, _, err = unlike("consent", "ada", "--store", tmp_path / "memory")
    assert status == 2
    assert "no tenant 'default' in this store; there is acme: give --tenant" in err


NOTHING = {
    "no file": (("nowhere.jsonl",), "no such file: nowhere.jsonl"),
    "an empty file": (("empty.jsonl",), "empty.jsonl has no usable line: it is empty; every line needs user_id"),
    "another format": (("table.csv",), "table.csv has no columns user_id, item_id; it has user, text"),
    "a broken archive": (("broken.jsonl.gz",), "broken.jsonl.gz is a broken gzip file"),
    "unknown consent": (("records.jsonl", "--consent", "peer"), "--consent is 'peer'; allowed are own,peer; own; none"),
    "build without an LLM": (("records.jsonl", "--build"), "--build needs an LLM; give --llm"),
    "a master key that is none": (("records.jsonl", "--master", "abc"), "allowed are file:PATH, env:NAME"),
    "a file for a folder": (("records.jsonl", "--store", "table.csv"), "store table.csv cannot be created"),
    "an unknown database": (("records.jsonl", "--store", "mysql://x"), "allowed are a folder and postgresql://"),
    "a database without a key": (("records.jsonl", "--store", "postgresql://x@127.0.0.1:1/x"), "needs --master"),
    "settings that are none": (("records.jsonl", "--settings", "table.csv"), "settings file table.csv cannot be read"),
}


@pytest.mark.parametrize("words", NOTHING)
def test_where_nothing_can_be_done_it_is_one_line_and_exit_2(words, unlike, lines, tmp_path, monkeypatch):
    given, message = NOTHING[words]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text("\n\n")
    (tmp_path / "table.csv").write_text("user,text\n")
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 500)[:-9])
    status, out, err = unlike("ingest", "--store", "memory", *given)
    assert status == 2
    assert message in err
    assert [line for line in err.splitlines() if line.startswith("unlike: ")] == err.splitlines()[-1:]
    assert "Traceback" not in out + err
    assert not (tmp_path / "memory").exists(), "a new store"


def test_a_store_whose_key_is_elsewhere_gets_no_new_one(unlike, shop, lines, tmp_path):
    (shop / "master.key").rename(tmp_path / "safe.key")
    status, _, err = unlike("ingest", lines, "--store", shop)
    assert status == 2
    assert "say where it is: --master file:PATH" in err
    assert unlike("ingest", lines, "--store", shop, "--master", f"file:{tmp_path / 'safe.key'}")[0] == 0


# What people have ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", test_same_records.IDS)
@pytest.mark.parametrize("form", test_same_records.WRITERS)
def test_the_same_36_records_in_every_form(unlike, tmp_path, form, ids):
    path = tmp_path / f"reviews.{form.split()[0]}" if form != "folder" else tmp_path / "reviews"
    test_same_records.WRITERS[form](path, forms.records(test_same_records.IDS[ids]))
    status, out, err = unlike("ingest", path, "--store", tmp_path / "memory", "--json")
    assert status == (3 if "bad" in form or form == "folder" else 0), err
    assert (json.loads(out)["n_new"], json.loads(out)["n_new_users"]) == (36, 6)
    exported = json.loads(unlike("export", "3", "--store", tmp_path / "memory")[1])["records"]
    corpus = curate(table(path, forms.COLUMNS), test_same_records.SMALL, tmp_path / "corpus")
    mine = [record for record in corpus.records() if record.user_id == "3"]
    assert sorted(
        (one["record_id"], one["item_id"], one["text"], one["rating"], one["timestamp"]) for one in exported
    ) == [(one.id, one.item_id, one.text, one.rating, one.timestamp) for one in mine]


def test_columns_by_mapping_and_what_is_not_read(unlike, tmp_path):
    lines = ["author;thing;body;when;stars;city", "ada;pen;A <b>good</b> pen;26 January 2005;4,5;Rome"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    names = ["user_id=author", "item_id=thing", "text=body", "timestamp=when", "rating=stars"]
    mapped = [word for name in names for word in ("--map", name)]
    status, out, err = unlike("ingest", tmp_path / "t.csv", "--store", tmp_path / "memory", *mapped)
    assert (status, "1 new record; 1 new user" in out) == (0, True)
    assert "warning: not read: city; --map FIELD=COLUMN" in err
    (one,) = json.loads(unlike("export", "ada", "--store", tmp_path / "memory")[1])["records"]
    assert (one["record_id"], one["text"], one["rating"], one["timestamp"]) == (
        "ada:pen", "A good pen", 4.5, 1_106_697_600_000,
    )  # fmt: skip


def test_a_column_is_left_out(unlike, tmp_path):
    rows = write_lines(tmp_path / "r.jsonl", [record("ada", "pen", rating=4.0)])
    status, _, err = unlike("ingest", rows, "--store", tmp_path / "memory", "--map", "rating=-")
    assert (status, "not read" in err) == (0, False)
    (one,) = json.loads(unlike("export", "ada", "--store", tmp_path / "memory")[1])["records"]
    assert one["rating"] is None


def test_null_titles_and_items_and_times_of_any_kind(unlike, tmp_path):
    rows = [record("ada", "pen", title=None, item=None, timestamp="2014-05-13T16:53:20Z", rating=None),
            record("ada", "cup", timestamp=1_400_000_000, rating="many"), record("ada", "map", timestamp=None)]  # fmt: skip
    status, out, err = unlike("ingest", write_lines(tmp_path / "r.jsonl", rows), "--store", tmp_path / "memory")
    assert (status, "3 new records" in out) == (0, True)
    assert "warning: 1 value of rating cannot be read: 'many'" in err
    exported = json.loads(unlike("export", "ada", "--store", tmp_path / "memory")[1])["records"]
    times = {one["item_id"]: one["timestamp"] for one in exported}
    assert (times["pen"], times["cup"]) == (1_400_000_000_000, 1_400_000_000_000)


def test_two_units_of_time_are_refused(unlike, tmp_path):
    rows = [record("ada", "pen"), record("ada", "cup", timestamp=1_700_000_000)]
    status, _, err = unlike("ingest", write_lines(tmp_path / "r.jsonl", rows), "--store", tmp_path / "memory")
    assert status == 2
    assert "one column has one unit" in err


# Without a file of one's own -----------------------------------------------------------------------------------------


def test_the_sample_and_a_corpus_folder(unlike, sample, tmp_path):
    status, out, _ = unlike("ingest", "--sample", "--store", tmp_path / "memory")
    assert (status, "288 new records; 24 new users\n24 of 24 new users may be compared" in out) == (0, True)
    status, out, _ = unlike("ingest", sample, "--store", tmp_path / "memory")
    assert (status, "0 new records, 288 already there; 0 new users" in out) == (0, True)
    for words in ((), (sample, "--sample")):
        status, _, err = unlike("ingest", *words, "--store", tmp_path / "memory")
        assert (status, err) == (2, "unlike: give a FILE or --sample, and not both\n")
