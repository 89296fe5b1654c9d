"""``unlike corpus export``: consenting users of a store as a corpus that an experiment can run on."""

import json

import pytest
from tests.cli.shop import record, write_lines

from unlike.data.corpus import Corpus

EASY = ("--min-records", "3", "--min-chars", "20", "--min-reviewers", "2", "--min-profile", "1")
SMALL_SPLIT = ("--train-targets", "0")


def export(unlike, shop, out, *more):
    return unlike("corpus", "export", "--store", shop, "--out", out, *EASY, *SMALL_SPLIT, *more)


def test_a_method_runs_on_it(unlike, shop, tmp_path):
    status, out, err = export(unlike, shop, tmp_path / "corpus")
    assert status == 0, err
    assert "corpus: 5 users, 3 items, 15 records" in out
    assert f"next: unlike corpus {tmp_path / 'corpus'}" in out
    assert "texts and user ids unencrypted" in err
    corpus = Corpus.open(tmp_path / "corpus")
    assert corpus.manifest["source"]["name"] == "store"
    found = corpus.record("ada-cup")
    assert (found.timestamp, found.rating, found.title) == (1_700_086_400_000, 4.0, "On the cup")
    assert corpus.item("cup").description == "A good cup, sold by the dozen."
    words = ("--method", "non_perso", "--llm", "scripted:echo", "--embedder", "hashing:64", "--out", tmp_path / "run")
    status, _, err = unlike("run", "--corpus", tmp_path / "corpus", *words)
    assert status == 0
    assert "5 of 5 cases done, 0 failed" in err
    status, out, _ = unlike("corpus", tmp_path / "corpus", "--json")
    assert json.loads(out)["cases"]["test"] == 5
    assert unlike("corpus", "--json", tmp_path / "corpus")[1] == out


def test_who_does_not_agree_to_both_uses_is_not_in_it(unlike, shop, tmp_path):
    unlike("consent", "ada", "--peer", "no", "--store", shop)
    unlike("consent", "bob", "--own", "no", "--store", shop)
    assert export(unlike, shop, tmp_path / "corpus")[0] == 0
    corpus = Corpus.open(tmp_path / "corpus")
    assert corpus.users() == ["cem", "dee", "eve"]
    assert not any(b"Ada" in file.read_bytes() for file in (tmp_path / "corpus").iterdir())


def test_columns_that_nobody_fills_are_none(unlike, tmp_path):
    rows = [record(user, item, title="", rating=None, item={}) for user in "uvw" for item in ("a", "b", "c")]
    file = write_lines(tmp_path / "r.jsonl", [row | {"timestamp": n} for n, row in enumerate(rows, 1)])
    unlike("ingest", file, "--store", tmp_path / "memory", "--consent", "own,peer", "--time-unit", "ms")
    status, _, err = export(unlike, tmp_path / "memory", tmp_path / "corpus")
    assert status == 0, err
    corpus = Corpus.open(tmp_path / "corpus")
    assert [record.timestamp for record in corpus.records()] == list(range(1, 10))
    assert "title" not in corpus.manifest["source"]["columns"]


def test_no_texts_are_left_beside_it(unlike, shop, tmp_path):
    export(unlike, shop, tmp_path / "corpora" / "first")
    assert [path.name for path in (tmp_path / "corpora").iterdir()] == ["first"]
    status, _, _ = export(unlike, shop, tmp_path / "corpora" / "second", "--min-chars", "9999")
    assert status == 2
    assert [path.name for path in (tmp_path / "corpora").iterdir()] == ["first"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--min-chars", "9999"), "0 after 'long enough'"),
        (("--preset", "huge"), "no preset 'huge'; allowed are dpl-paper"),
        (("--tenant", "acme"), "no tenant 'acme' in this store"),
        (("--store", "nowhere"), "no store in nowhere"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(more, message, unlike, shop, tmp_path):
    status, _, err = export(unlike, shop, tmp_path / "corpus", *more)
    assert status == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_where_nobody_agrees_it_says_what_to_do(unlike, lines, tmp_path):
    unlike("ingest", lines, "--store", tmp_path / "memory")
    status, _, err = export(unlike, tmp_path / "memory", tmp_path / "corpus")
    assert status == 2
    assert "no user agrees to both uses of their records; see: unlike consent USER" in err


def test_help_names_both_uses(unlike):
    status, out, _ = unlike("corpus", "--help")
    assert status == 0
    assert "export" in out
    assert "unlike corpus DIR" in out
    assert unlike("corpus", "nowhere")[0] == 2
