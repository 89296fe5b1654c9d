"""The rules of curation, each on a few rows, and all of them against a plain reference."""

from collections import Counter
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.rows import item, review
from unlike.data.curate import curate, unique_ids
from unlike.data.sources import amazon_2014
from unlike.errors import InputError
from unlike.settings import CURATE_PRESETS


@pytest.fixture
def made(write_lines, tmp_path, lenient):
    """A corpus of these reviews and items under the lenient thresholds, some changed."""

    def make(reviews, items=None, **changes):
        known = items or [item(name) for name in sorted({row["asin"] for row in reviews})]
        source = amazon_2014(write_lines("r.jsonl", reviews), write_lines("i.jsonl", known))
        return curate(source, replace(lenient, **changes), tmp_path / "c")

    return make


def ids(corpus):
    return sorted(record.id for record in corpus.records())


def test_length_is_counted_on_the_raw_text(made):
    corpus = made([review("a", text="x" + " " * 18 + "y"), review("b", text="x" * 19)], min_chars=20)
    assert [record.text for record in corpus.records()] == ["x y"]


def test_characters_are_counted_not_bytes(made):
    corpus = made([review("a", text="é" * 19), review("b", text="é" * 20)], min_chars=20)
    assert ids(corpus) == ["b:i1"]


@pytest.mark.parametrize(
    ("given", "numbered"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a~1", "a~2"]),
        (["a", "a", "a~1"], ["a", "a~1", "a~1~1"]),
        (["a~1", "a", "a", "a~1~1"], ["a~1", "a", "a~1~1", "a~1~1~1"]),
    ],
)
def test_repeated_ids_are_numbered_until_all_differ(given, numbered):
    keys = pl.DataFrame({"row": range(len(given)), "id": given})
    assert unique_ids(keys)["id"].to_list() == numbered


@pytest.mark.parametrize(
    "changes", [{"title": ""}, {"title": "  "}, {"title": None}, {"rating": None}, {"timestamp": None}]
)
def test_title_rating_and_timestamp_are_asked_for(made, changes):
    assert ids(made([review("a"), review("b", **changes)])) == ["a:i1"]


def test_the_preset_for_own_data_keeps_records_without_title_or_rating_and_each_column_is_counted(made):
    rows = [review("a"), review("b", title=" "), review("c", rating=None), review("d", timestamp=None, title="")]
    papers, small = (made(rows, require_title_and_rating=CURATE_PRESETS[name].require_title_and_rating)
                     for name in ("dpl-paper", "small"))  # fmt: skip
    assert (ids(papers), ids(small)) == (["a:i1"], ["a:i1", "b:i1", "c:i1"])
    assert [corpus.manifest["missing"] for corpus in (papers, small)] == [{"title": 2, "rating": 1, "timestamp": 1}] * 2
    assert small.record("c:i1").rating is None


@pytest.mark.parametrize(
    ("changes", "kept"),
    [({}, True), ({"title": ""}, False), ({"title": None}, False), ({"description": "d" * 9}, False),
     ({"description": None}, False), ({"description": "d" * 21}, False), ({"description": "d" * 20}, True)],
)  # fmt: skip
def test_rules_about_items(made, changes, kept):
    items = [item("i1"), item("i2", **changes)]
    corpus = made([review("a", "i1"), review("a", "i2", text="other text")], items, description_chars=(10, 20))
    assert ids(corpus) == (["a:i1", "a:i2"] if kept else ["a:i1"])
    assert {known.id for known in corpus.items()} == {record.item_id for record in corpus.records()}


def test_items_nobody_described_are_dropped(made):
    corpus = made([review("a", "i1"), review("a", "i2", text="other text")], [item("i1")])
    assert ids(corpus) == ["a:i1"]
    steps = {step["step"]: step["records"] for step in corpus.manifest["steps"]}
    assert (steps["long enough"], steps["items that i.jsonl has"]) == (2, 1)


def test_a_file_of_other_items_is_named_as_the_cause(made):
    with pytest.raises(InputError, match="'items that i.jsonl has' 1 .no option: check these columns."):
        made([review("a", "i1")], [item("x1")])


CROWD = [review(f"u{n}", f"i{k}", text=f"text {n} on {k}" + "." * n) for n in range(3) for k in range(n + 1)]
"""User u2 has three records, item i0 three reviewers."""
NOTHING_LEFT = [
    ({"min_chars": 50}, "long enough", "--min-chars 13", {"min_chars": 13}),
    (
        {"description_chars": (20, 30)},
        "items with title and description",
        "--description-chars 10:30",
        {"description_chars": (10, 30)},
    ),
    (
        {"description_chars": (1, 3)},
        "items with title and description",
        "--description-chars any",
        {"description_chars": None},
    ),
    ({"min_records": 9}, "reviewers and records", "--min-records 3", {"min_records": 3}),
    ({"min_reviewers": 7}, "reviewers and records", "--min-reviewers 3", {"min_reviewers": 3}),
    (
        {"min_records": 3, "min_reviewers": 3},
        "reviewers and records",
        "--min-records 1 or --min-reviewers 1",
        {"min_records": 1},
    ),
    (
        {"min_records": 9, "min_reviewers": 9},
        "reviewers and records",
        "--min-records 3 with --min-reviewers 1",
        {"min_records": 3, "min_reviewers": 1},
    ),
    ({"train_targets": 8}, "users with cases", "--train-targets 1", {"train_targets": 1}),
    ({"min_profile": 3, "min_profile_reviewers": 1}, "users with cases", "--min-profile 1", {"min_profile": 1}),
]


@pytest.mark.parametrize(("changes", "step", "values", "lower"), NOTHING_LEFT)
def test_where_nothing_is_left_the_error_names_values_that_leave_something(made, changes, step, values, lower):
    rules = {"test_targets": 1, "val_targets": 1, **changes}
    with pytest.raises(InputError, match=f"'{step}' removed the last ones: {values} would leave some there"):
        made(CROWD, **rules)
    try:
        made(CROWD, **rules | lower)
    except InputError as later:  # of another step, which comes after it
        assert f"'{step}' removed the last ones" not in str(later)


def test_no_value_is_named_where_none_would_do(made):
    with pytest.raises(InputError) as caught:
        made(CROWD, max_records=0)
    assert "nothing is left" in str(caught.value) and "would leave" not in str(caught.value)


def test_the_sizes_of_the_corpus_are_those_of_its_tables(made):
    for drop_unshared in (False, True):
        rule = {"min_profile": 1, "min_profile_reviewers": 2, "test_targets": 1, "drop_unshared": drop_unshared}
        corpus = made([*CROWD, review("u3", "i9", text="alone on i9"), review("u3", "i0", text="u3 on i0")], **rule)
        sizes = corpus.manifest["corpus"]
        assert sizes["records"] == len(corpus.records()) and sizes["users"] == len(corpus.users())
        steps = {step["step"]: step["records"] for step in corpus.manifest["steps"]}
        assert steps.get("profile records on shared items", sizes["records"]) == sizes["records"]


def test_categories_are_asked_for_where_the_setting_says_so(made):
    reviews = [review("a", "i1"), review("a", "i2", text="other text")]
    corpus = made(reviews, [item("i1", categories=[["Music"]]), item("i2", categories=[])], require_categories=True)
    assert ids(corpus) == ["a:i1"]


def test_the_latest_text_on_an_item_stays(made):
    rows = [review("a", text="first text", timestamp=2e12), review("a", text="older text", timestamp=1e12)]
    assert [record.text for record in made(rows).records()] == ["first text"]


def test_a_repeated_text_stays_once_where_it_is_latest(made):
    rows = [review("a", "i1", timestamp=1e12), review("a", "i2", timestamp=2e12), review("b", "i3", timestamp=1e12)]
    assert ids(made(rows)) == ["a:i2", "b:i3"]


def test_thresholds_are_repeated_until_nothing_changes(made):
    # c falls for its single record, then item z for its single reviewer, then b, who is left with one record.
    pairs = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "z"), ("c", "z"), ("d", "x"), ("d", "y")]
    rows = [review(user, name, text=f"{user} on {name} and so on") for user, name in pairs]
    corpus = made(rows, min_records=2, min_reviewers=2)
    assert ids(corpus) == ["a:x", "a:y", "d:x", "d:y"]
    passes = [step["step"] for step in corpus.manifest["steps"] if step["step"].startswith("reviewers")]
    assert len(passes) == 3


def test_too_many_records_are_dropped_too(made):
    rows = [review("a", f"i{n}", text=f"text number {n}") for n in range(4)] + [review("b", "i1")]
    assert ids(made(rows, max_records=3)) == ["b:i1"]


def test_steps_never_grow(made):
    rows = [review(f"u{n % 3}", f"i{n % 4}", text=f"text number {n}") for n in range(20)]
    sizes = [step["records"] for step in made(rows, min_records=2).manifest["steps"]]
    assert sizes == sorted(sizes, reverse=True)


def test_making_it_again_replaces_the_corpus(made, tmp_path):
    made([review("a")])
    assert ids(made([review("b")])) == ["b:i1"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_presets_name_the_differences_of_paper_and_code():
    paper, code = CURATE_PRESETS["dpl-paper"], CURATE_PRESETS["dpl-code"]
    assert (paper.min_reviewers, paper.drop_unshared, paper.require_categories) == (4, False, False)
    assert replace(paper, min_reviewers=8, drop_unshared=True, require_categories=True) == code


def reference(rows, min_records, min_reviewers, max_records):
    """The rules that look at several records, in plain Python."""
    latest = {}
    for row in sorted(rows, key=lambda r: (r["timestamp"], f"{r['user_id']}:{r['asin']}")):
        latest.pop((row["user_id"], row["asin"]), None)
        latest[row["user_id"], row["asin"]] = row
    texts = {(row["user_id"], row["text"]): row for row in latest.values()}
    left = list(texts.values())
    while True:
        users, items = Counter(r["user_id"] for r in left), Counter(r["asin"] for r in left)
        kept = [
            r for r in left if min_records <= users[r["user_id"]] <= max_records and items[r["asin"]] >= min_reviewers
        ]
        if len(kept) == len(left):
            return sorted((r["user_id"], r["asin"], r["text"], r["timestamp"]) for r in left)
        left = kept


rows_of_few = st.lists(
    st.builds(
        lambda u, i, t, n: review(f"u{u}", f"i{i}", text=f"text number {n}", timestamp=t * 1_000_000_000_000),
        st.integers(0, 5), st.integers(0, 4), st.integers(1, 4), st.integers(0, 9),
    ),
    min_size=10, max_size=60, unique_by=lambda r: (r["user_id"], r["asin"], r["timestamp"]),
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_few, min_records=st.integers(1, 3), min_reviewers=st.integers(1, 3), max_records=st.integers(3, 9))
def test_equals_the_reference(made, rows, min_records, min_reviewers, max_records):
    expected = reference(rows, min_records, min_reviewers, max_records)
    always = [review("z", f"only-z-{n}", text=f"z text {n}") for n in range(min_records)] if min_reviewers == 1 else []
    if not expected and not always:
        return
    thresholds = {"min_records": min_records, "min_reviewers": min_reviewers, "max_records": max_records}
    corpus = made(rows + always, test_targets=0, **thresholds)
    found = [(r.user_id, r.item_id, r.text, r.timestamp) for r in corpus.records() if r.user_id != "z"]
    assert sorted(found) == expected


def test_ids_that_differ_only_in_case_are_a_warning_that_python_passes_on(write_lines, tmp_path, lenient):
    rows = [review(user, name) for user in ("Ada", "ada", "bo", "BO", "eve") for name in ("i1", "i2")]
    source = amazon_2014(write_lines("r.jsonl", rows), write_lines("i.jsonl", [item("i1"), item("i2")]))
    told = []
    corpus = curate(source, lenient, tmp_path / "c", told.append)
    expected = "4 user ids differ from another only in case, such as 'Ada' and 'ada'; they are read as different ones"
    assert expected in told and told == corpus.manifest["warnings"]
    assert not any("item ids" in line for line in told)
    with pytest.warns(UserWarning, match="4 user ids differ"):
        curate(source, lenient, tmp_path / "c")
