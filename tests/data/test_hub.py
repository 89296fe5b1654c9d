"""DPL's published form, from folders that ``datasets`` saved."""

import sys

import datasets
import pytest
import typer
from typer.testing import CliRunner

from unlike.cli.curate import curate
from unlike.data.corpus import Corpus
from unlike.data.hub import dpl_hub
from unlike.errors import InputError, MissingPart


def entry(n, text=None):
    return {"asin": f"i{n}", "rating": 4.0, "timestamp": 1000 * n, "title": f"t{n}", "text": text or f"text {n}"}


def saved(folder, splits):
    parts = {name: datasets.Dataset.from_list(rows) for name, rows in splits.items()}
    datasets.DatasetDict(parts).save_to_disk(str(folder))
    return str(folder)


@pytest.fixture
def main(tmp_path):
    def row(n):
        return {"user_id": "u", "profile": [entry(k) for k in range(n)], "data": entry(n)}

    return saved(tmp_path / "main" / "Books", {"train": [row(2), row(3)], "val": [row(4)], "test": [row(5)]})


@pytest.fixture
def meta(tmp_path):
    rows = [{"asin": f"i{n}", "title": f"T{n}", "description": f"about {n}"} for n in range(9)]
    return saved(tmp_path / "meta" / "Books", {"full": rows})


def test_cases_are_as_given_and_records_their_union(main, meta, tmp_path):
    corpus = dpl_hub(str(tmp_path / "main"), str(tmp_path / "meta"), "Books")
    assert [(case.id, case.split) for case in corpus.cases()] == [
        ("u:i2", "train"), ("u:i3", "train"), ("u:i4", "validation"), ("u:i5", "test"),
    ]  # fmt: skip
    assert [record.id for record in corpus.records()] == [f"u:i{n}" for n in range(6)]
    test = corpus.cases("test")[0]
    assert [record.text for record in corpus.history("u", test.moment)] == [f"text {n}" for n in range(5)]
    assert (test.reference, corpus.item("i5").description, len(corpus.items())) == ("text 5", "about 5", 6)
    corpus.write(tmp_path / "c")
    assert Corpus.open(tmp_path / "c").cases() == corpus.cases()
    assert corpus.manifest["source"] == {"name": "dpl-hub", "main": "main", "meta": "meta", "category": "Books"}


def test_the_folder_of_one_category_will_do(main, meta):
    assert len(dpl_hub(main, meta).cases()) == 4


def test_yelp_names_its_items_itself(tmp_path):
    def text(n):
        return {"business_id": f"b{n}", "business_name": f"Cafe {n}", "stars": 3, "timestamp": n, "text": f"text {n}"}

    main = saved(tmp_path / "DPL-Yelp", {"test": [{"user_id": "u", "profile": [text(1), text(2)], "data": text(3)}]})
    app = typer.Typer()
    app.add_typer(curate, name="curate")
    result = CliRunner().invoke(app, ["curate", "dpl-hub", main, "--out", str(tmp_path / "c")])
    assert "cases: 0 train, 0 validation, 1 test" in result.output
    corpus = Corpus.open(tmp_path / "c")
    assert [corpus.item(f"b{n}").title for n in (1, 2, 3)] == ["Cafe 1", "Cafe 2", "Cafe 3"]
    assert corpus.manifest["source"] == {"name": "dpl-hub", "main": "DPL-Yelp", "meta": None, "category": None}


def test_yelp_has_no_titles_and_names_for_titles_of_items(tmp_path):
    def text(n):
        return {"business_id": f"b{n}", "stars": 3, "date": f"2020-01-0{n} 10:00:00", "text": f"text {n}"}

    rows = [{"user_id": "u", "profile": [text(1), text(2)], "data": text(3)}]
    main = saved(tmp_path / "main", {"test": rows})
    meta = saved(tmp_path / "meta", {"full": [{"business_id": f"b{n}", "name": f"Place {n}"} for n in (1, 3)]})
    corpus = dpl_hub(main, meta)
    (case,) = corpus.cases()
    assert (case.id, case.title, case.rating, case.timestamp) == ("u:b3", "", 3.0, 1_578_045_600_000)
    assert [record.id for record in corpus.history("u", case.moment)] == ["u:b1", "u:b2"]
    assert [corpus.item(f"b{n}").title for n in (1, 2, 3)] == ["Place 1", "", "Place 3"]


def test_rows_of_another_form_are_an_error(meta, tmp_path):
    wrong = saved(tmp_path / "wrong", {"test": [{"user_id": "u", "profile": [], "text": "t"}]})
    with pytest.raises(InputError, match="not of DPL-main's form"):
        dpl_hub(wrong, meta)
    with pytest.raises(InputError, match="has a split 'full'"):
        dpl_hub(meta, meta)


def test_a_folder_that_is_no_data_set(meta, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="cannot load"):
        dpl_hub(str(tmp_path / "empty"), meta)


def test_one_split_alone_is_an_error(main, meta):
    with pytest.raises(InputError, match="is one split"):
        dpl_hub(f"{main}/test", meta)


def test_items_of_another_form_are_an_error(main, tmp_path):
    wrong = saved(tmp_path / "wrong", {"full": [{"asin": "i1"}]})
    with pytest.raises(InputError, match="has no 'title'"):
        dpl_hub(main, wrong)


def test_without_the_library_the_command_to_install_it_is_named(main, meta, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingPart, match=r'pip install "\.\[hub\]"'):
        dpl_hub(main, meta)


def test_the_command_writes_the_corpus(main, meta, tmp_path):
    app = typer.Typer()
    app.add_typer(curate, name="curate")
    result = CliRunner().invoke(app, ["curate", "dpl-hub", main, meta, "--out", str(tmp_path / "c")])
    assert "cases: 2 train, 1 validation, 1 test" in result.output
    assert len(Corpus.open(tmp_path / "c").records()) == 6
