"""``unlike curate`` and ``unlike corpus``, as the command line calls them."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.data import forms
from tests.data.rows import item, review
from unlike.cli.corpus import show
from unlike.cli.curate import curate, settings_from
from unlike.data.corpus import Corpus
from unlike.errors import InputError
from unlike.settings import CURATE_PRESETS

app = typer.Typer()
app.add_typer(curate, name="curate")
app.command("corpus")(show)

EASY = ["--preset", "small", "--min-chars", "5", "--min-reviewers", "2", "--min-records", "5"]


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def files(write_lines):
    rows = [
        review(f"u{u}", f"i{i}", text=f"text of u{u} on i{i}", timestamp=1_400_000_000_000 + i * 86_400_000)
        for u in range(6)
        for i in range(6)
    ]
    reviews = write_lines("r.jsonl", [*rows, b"{"])
    return ["--reviews", reviews, "--items", write_lines("i.jsonl", [item(f"i{n}") for n in range(6)])]


def test_curate_prints_counts_and_what_to_do_next(files, tmp_path):
    result = run("curate", "amazon-2014", *files, "--out", tmp_path / "c", *EASY)
    assert result.exit_code == 0, result.output
    assert "corpus: 6 users, 6 items, 36 records" in result.output
    assert "cases: 12 train, 6 validation, 6 test" in result.output
    assert "1 malformed line, with" in result.output
    assert f"next: unlike corpus {tmp_path / 'c'}" in result.output


def test_curate_prints_how_many_values_are_missing(write_lines, tmp_path):
    rows = [
        review(f"u{u}", f"i{i}", text=f"text of u{u} on i{i}", title="t" if u else "")
        for u in range(6)
        for i in range(6)
    ]
    files = [
        "--reviews",
        write_lines("r.jsonl", rows),
        "--items",
        write_lines("i.jsonl", [item(f"i{n}") for n in range(6)]),
    ]
    result = run("curate", "amazon-2014", *files, "--out", tmp_path / "c", *EASY)
    assert "missing: title in 6 of 36 records; these records stay" in result.output
    assert "corpus: 6 users, 6 items, 36 records" in result.output


def test_users_without_cases_explain_the_two_sizes(write_lines, tmp_path):
    rows = [review(f"u{u}", f"i{i}", text=f"text of u{u} on i{i}") for u in range(6) for i in range(6)]
    rows += [review("u6", f"i{i}", text=f"text of u6 on i{i}") for i in range(2)]
    files = ["--reviews", write_lines("r.jsonl", rows)]
    easy = ["--preset", "small", "--min-chars", "5", "--min-reviewers", "2", "--min-records", "2"]
    result = run("curate", "amazon-2014", *files, "--out", tmp_path / "c", *easy)
    said = " the table's last row leaves out 1 user without cases and their 2 records, to compare with"
    assert f"corpus: 7 users, 6 items, 38 records;{said}" in result.output


def test_a_corpus_that_is_replaced_is_named(files, tmp_path):
    words = ("curate", "amazon-2014", *files, "--out", tmp_path / "c", *EASY)
    assert [f"the corpus in {tmp_path / 'c'} is replaced" in run(*words).output for _ in range(2)] == [False, True]
    for wrong in ([*words, "--preset", "huge"], [word if word != files[1] else "missing.jsonl" for word in words]):
        result = run(*wrong)
        assert isinstance(result.exception, InputError)
        assert "is replaced" not in result.output


def test_columns_that_are_missing_name_the_option(write_lines, tmp_path):
    reviews = write_lines("t.jsonl", [{"author": "a", "thing": "i", "text": "x"}])
    for words, says in (
        (("--map", "title=headline"), "check format and columns (--map FIELD=COLUMN)"),
        (("--map", "user_id=author", "--map", "item_id=thing", "--map", "title=headline"),
         "has no value for headline in any line; name the right columns (--map FIELD=COLUMN), or leave these out: --map title=-"),
        (("--map", "user_id=author", "--map", "item_id=thing", "--items", reviews, "--item-map", "item_id=id"),
         "check format and columns (--item-map FIELD=COLUMN)"),
    ):  # fmt: skip
        assert says in str(run("curate", "table", reviews, *words, "--out", tmp_path / "c", *EASY).exception)


def test_curate_as_json_is_the_manifest(files, tmp_path):
    result = run("curate", "amazon-2014", *files, "--out", tmp_path / "c", "--json", *EASY)
    assert json.loads(result.output) == Corpus.open(tmp_path / "c").manifest


def test_flags_override_the_preset(files, tmp_path):
    flags = ["--train-targets", 0, "--min-profile", 4, "--description-chars", "5:50", "--max-records", 9]
    run("curate", "amazon-2014", *files, "--out", tmp_path / "c", *EASY, *flags)
    made = Corpus.open(tmp_path / "c").manifest["settings"]
    assert (made["train_targets"], made["min_profile"], made["description_chars"]) == (0, 4, [5, 50])
    assert (made["max_records"], made["shrink_train_to_profile"]) == (9, 2)


def test_table_and_yelp_and_2023_are_commands_too(files, tmp_path, write_lines):
    mapped = ["--map", "item_id=asin", "--map", "title=title", "--map", "timestamp=timestamp"]
    items = ["--items", files[3], "--item-map", "item_id=asin", "--item-map", "title=title"]
    result = run("curate", "table", files[1], *mapped, *items, "--out", tmp_path / "t", *EASY)
    assert result.exit_code == 0, result.output
    assert run("curate", "amazon-2023", *files, "--out", tmp_path / "a", *EASY).exit_code == 0
    rows = [{"review_id": f"{u}{b}", "user_id": u, "business_id": b, "stars": 1, "text": f"{u} on {b}!!!",
             "date": f"2020-01-0{b} 10:00:00"} for u in "uvw" for b in "12345"]  # fmt: skip
    names = [{"business_id": b, "name": b} for b in "12345"]
    yelp = ["--reviews", write_lines("y.json", rows), "--items", write_lines("b.json", names)]
    assert run("curate", "yelp", *yelp, "--out", tmp_path / "y", *EASY).exit_code == 0
    assert len(Corpus.open(tmp_path / "y").cases("test")) == 3


def test_what_was_assumed_and_what_is_wrong_is_said(tmp_path):
    rows = [row | {"text": f"<b>{row['text']}</b>"} for row in forms.records()]
    (tmp_path / "r.csv").write_bytes(forms.as_csv(rows, "cp1252", ";"))
    result = run("curate", "table", tmp_path / "r.csv", "--map", "timestamp=-", "--out", tmp_path / "c", *EASY)
    for said in (
        "r.csv: encoded in cp1252, as it is not UTF-8",
        "r.csv, columns: separated by ';'",
        "36 texts had HTML markup, which was removed",
        "warning: the records have no timestamp",
        "run with --time paper",
    ):
        assert said in result.output
    assert "warning: the records have no timestamp" in run("corpus", tmp_path / "c").output
    result = run("curate", "table", tmp_path / "r.csv", "--out", tmp_path / "k", "--keep-markup", *EASY)
    assert "HTML" not in result.output


def test_corpus_shows_what_is_in_it(files, tmp_path):
    run("curate", "amazon-2014", *files, "--out", tmp_path / "c", *EASY)
    shown = run("corpus", tmp_path / "c")
    assert shown.exit_code == 0, shown.output
    assert "train 12, validation 6, test 6" in shown.output
    facts = json.loads(run("corpus", tmp_path / "c", "--json").output)
    assert (facts["users"], facts["records"], facts["share of records with 4 others on the item"]) == (6, 36, 1.0)
    assert facts["first and last day"] == ["2014-05-13", "2014-05-18"]
    assert facts["history of a case"] == {"min": 2, "median": 3.5, "max": 5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, "no preset 'huge'; allowed are dpl-paper, dpl-code, small"),
        ({"preset": "small", "min_records": -1}, "min_records: Input should be greater than or equal to 0"),
        ({"preset": "small", "description_chars": "5"}, "--description-chars is '5'; give MIN:MAX"),
        ({"preset": "small", "description_chars": "9:5"}, "--description-chars is '9:5'; give MIN:MAX"),
    ],
)
def test_thresholds_that_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        settings_from(**options)


def test_any_means_no_rule_about_descriptions():
    assert settings_from("dpl-paper", description_chars="any").description_chars is None
    assert settings_from("dpl-paper") == CURATE_PRESETS["dpl-paper"]


def test_a_mapping_without_two_sides(tmp_path):
    result = run("curate", "table", tmp_path / "t.csv", "--map", "author", "--out", tmp_path / "c")
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == "--map is 'author'; give NAME=VALUE, such as user_id=author"
