"""Gains by attributes of the users: the table they come from, the groups, and values worked out by hand."""

import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.evaluate.statistics.test_conclusions import corpus, run_of

from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.evaluate.running.plan import Plan
from unlike.evaluate.running.run_plan import find
from unlike.evaluate.statistics.attributes import (
    HISTORY,
    NOT_KNOWN,
    gains_by_attribute,
    groups_of,
    read_attributes,
    welch,
)
from unlike.evaluate.statistics.findings import UserGain

KNOWN = {"age": {"u1": "34", "u2": "51"}, "language": {"u1": "de"}}
ROWS = [{"user_id": "u1", "age": 34, "language": "de"}, {"user_id": "u2", "age": 51, "language": None}]


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def gains_of(by_user, variant="dpl", records=3):
    return [UserGain(variant, "rouge1", user, gain, records, 0.5) for user, gain in by_user.items()]


def found(by_user, attributes, attribute):
    return [one for one in gains_by_attribute(gains_of(by_user), attributes) if one.attribute == attribute]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("users.csv", "\ufeffuser_id,age,language\nu1,34, de \n\nu2,51,\n"),
        ("users.tsv", "age\tuser_id\tlanguage\n34\tu1\tde\n51\tu2\t\n"),
        ("users.csv.gz", gzip.compress(b"user_id,age,language\nu1,34,de\nu2,51,\n", mtime=0)),
        ("users.jsonl", '{"user_id": "u1", "age": 34, "language": "de"}\n{"user_id": "u2", "age": 51}\n'),
        (
            "users[1].jsonl.gz",
            gzip.compress(b'{"user_id":"u1","age":34,"language":"de"}\n{"user_id":"u2","age":51}\n', mtime=0),
        ),
    ],
)
def test_every_format_says_the_same(tmp_path, name, content):
    assert read_attributes(written(tmp_path, name, content)) == KNOWN


def test_parquet_with_numbers_flags_and_nan(tmp_path):
    frame = pl.DataFrame(ROWS).with_columns(paying=pl.Series([True, None]), score=pl.Series([float("nan"), 1.5]))
    frame.write_parquet(tmp_path / "users.parquet")
    known = KNOWN | {"paying": {"u1": "true"}, "score": {"u2": "1.5"}}
    assert read_attributes(tmp_path / "users.parquet") == known


def test_ids_that_are_numbers_are_the_ids_of_the_corpus(tmp_path):
    for user in ("7", "7.0", '" 7 "'):
        path = written(tmp_path, "users.jsonl", f'{{"user_id": {user}, "age": 34}}\n')
        assert read_attributes(path) == {"age": {"7": "34"}}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("users.csv", "id,age\nu1,3\n", "users.csv has no column user_id; it has id, age"),
        ("users.csv", "user_id,age\nu1,3\nu2,3\nu1,4\n", "users.csv has user 'u1' more than once"),
        ("users.csv", "user_id,age\n,3\n", "users.csv has a line without user_id"),
        ("users.csv", "user_id,history length\nu1,3\n", "'history length', which is counted from the corpus"),
        ("users.csv", "", "users.csv has no column user_id; it has none"),
        ("users.csv", "user_id,age\nu1,3,4\n", "users.csv, line 2: 3 cells, the header has 2"),
        ("users.jsonl", '{"user_id": "u1", "tags": ["a"]}\n', "column tags of users.jsonl holds a list"),
        ("users.jsonl", "{", "users.jsonl, line 1: not JSON"),
        ("users.parquet", "no", "users.parquet cannot be read"),
        ("users.xlsx", "no", "no table by its name"),
    ],
)
def test_what_is_no_table_of_users_is_one_clear_line(tmp_path, name, content, said):
    with pytest.raises(InputError) as raised:
        read_attributes(written(tmp_path, name, content))
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"no such file: nowhere/users\.csv"):
        read_attributes(Path("nowhere/users.csv"))


def test_gains_of_groups_against_all_others_by_hand():
    """a: ten of 1, 3 in turn (variance 10/9); b: eleven of 5, so t = (2 - 5) / sqrt(1/9) = -9 with 9 degrees of freedom."""
    a_users, b_users = [f"a{n}" for n in range(10)], [f"b{n}" for n in range(11)]
    gains = {user: float(1 + 2 * (n % 2)) for n, user in enumerate(a_users)} | dict.fromkeys(b_users, 5.0)
    a, b = found(gains, {"x": dict.fromkeys(a_users, "a") | dict.fromkeys(b_users, "b")}, "x")
    assert (a.group, a.gain, a.n_users, a.difference, a.is_worst) == ("a", 2.0, 10, -3.0, True)
    assert (b.group, b.gain, b.n_users, b.difference, b.is_worst) == ("b", 5.0, 11, 3.0, False)
    assert a.p_welch == pytest.approx(2 * stats.t.cdf(-9, 9))
    assert a.p_holm == b.p_holm == b.p_welch == a.p_welch  # of two groups the test is one question
    assert 1.0 < a.low < 2.0 < a.high < 3.0 and (b.low, b.high) == (5.0, 5.0)
    assert (a.variant, a.metric, a.attribute) == ("dpl", "rouge1", "x")


def test_holm_is_over_the_groups_and_users_without_a_value_are_one():
    gains = {
        f"u{n}": float(n % 2) + shift
        for shift, users in ((0, range(10)), (5, range(10, 20)), (9, range(20, 30)))
        for n in users
    }
    known = {f"u{n}": "a" for n in range(10)} | {f"u{n}": "b" for n in range(10, 20)}
    groups = {one.group: one for one in found(gains, {"x": known}, "x")}
    assert [(name, one.gain, one.n_users) for name, one in groups.items()] == [
        ("a", 0.5, 10),
        ("b", 5.5, 10),
        (NOT_KNOWN, 9.5, 10),
    ]
    assert groups["a"].difference == pytest.approx(0.5 - 7.5) and groups["b"].difference == pytest.approx(0.5)
    lowest, middle, highest = sorted(groups.values(), key=lambda one: one.p_welch)
    assert lowest.p_holm == pytest.approx(3 * lowest.p_welch) and highest.p_holm >= middle.p_holm
    assert highest.group == "b"


def test_a_single_user_is_a_mean_and_never_the_worst():
    groups = found(
        {"u1": -1.0, "u2": 0.1, "u3": 0.3, "u4": 0.4, "u5": 0.6},
        {"x": dict(zip(["u1", "u2", "u3", "u4", "u5"], "abbcc", strict=True))},
        "x",
    )
    assert [(one.group, one.n_users, one.is_worst) for one in groups] == [
        ("a", 1, False),
        ("b", 2, True),
        ("c", 2, False),
    ]
    assert groups[0].low is groups[0].high is groups[0].p_welch is groups[0].p_holm is None
    assert groups[0].difference == pytest.approx(-1.35)


def test_groups_without_spread_differ_for_certain_or_not_at_all_and_nine_users_bear_no_test():
    same, other = [pl.Series([value] * 10).to_numpy() for value in (0.1, 0.2)]
    assert welch(same, same) == 1.0 and welch(same, other) == 0.0 and welch(same, other[:9]) is None
    users = {f"u{n}": "a" if n < 10 else "b" for n in range(20)}
    alike = found(dict.fromkeys(users, 0.1), {"x": users}, "x")
    assert [(one.p_holm, one.is_worst) for one in alike] == [(1.0, False), (1.0, False)]


def test_many_numbers_are_cut_at_the_median_and_few_are_groups():
    ages = {f"u{n}": str(age) for n, age in enumerate([20, 30, 34, 40, 50, 60, 34])}
    assert set(groups_of("age", ages).values()) == {"age <= 34", "age > 34"}
    assert [user for user, group in groups_of("age", ages).items() if group == "age <= 34"] == ["u0", "u1", "u2", "u6"]
    halfway = {f"u{n}": str(n) for n in range(6)}
    assert set(groups_of("x", halfway).values()) == {"x <= 2.5", "x > 2.5"}
    few = {f"u{n}": str(n % 5) for n in range(20)}
    assert groups_of("stars", few) == few
    words = {f"u{n}": str(n) for n in range(9)} | {"u9": "ninety"}
    assert groups_of("x", words) == words


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30))
def test_no_user_is_lost_and_no_half_is_empty(numbers):
    values = {f"u{n}": str(number) for n, number in enumerate(numbers)}
    groups = groups_of("x", values)
    assert groups.keys() == values.keys()
    assert len(set(groups.values())) == (2 if len(set(numbers)) > 5 else len(set(numbers)))


def test_history_is_always_there_and_users_nobody_knows_of_stay():
    gains = gains_of({"u1": 0.1, "u2": 0.2}, records=2) + gains_of({"u3": 0.4, "u4": 0.6}, records=9)
    gains += gains_of({"u1": 0.3}, variant="rag", records=2)
    made = gains_by_attribute(gains, {"language": {"stranger": "de"}})
    told = [(one.attribute, one.variant, one.group, one.n_users) for one in made]
    assert told == [
        (HISTORY, "dpl", "2", 2),
        (HISTORY, "dpl", "9", 2),
        (HISTORY, "rag", "2", 1),
        ("language", "dpl", NOT_KNOWN, 4),
        ("language", "rag", NOT_KNOWN, 1),
    ]
    assert made[0].gain == pytest.approx(0.15) and made[3].difference is None and not made[3].is_worst
    assert gains_by_attribute([], {"language": {"u1": "de"}}) == []


def test_histories_of_one_length_are_no_groups():
    assert gains_by_attribute(gains_of({"u1": 0.1, "u2": 0.2}, records=5), {}) == []


def test_findings_of_an_experiment_hold_the_groups_of_its_table(tmp_path):
    users = written(
        tmp_path, "users.csv", "user_id,language\n" + "".join(f"u{n},{'de' if n < 4 else 'en'}\n" for n in range(7))
    )
    plan = Plan.model_validate(
        {"title": "t", "methods": [{"method": "dpl"}], "metrics": ["rouge1"], "sanity": [], "users": users}
    )
    runs = [run_of("non_perso", [0.1] * 8), run_of("dpl", [0.2, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.6])]
    for run in runs:
        run.facts.update(llm="scripted", task="review", versions={})
        run.facts["settings"]["time_rule"] = "as_of"
    world = corpus()
    world.manifest["source"] = {}
    groups = {(one.attribute, one.group): one for one in find(plan, world, HashingEncoder(), runs).group_gains}
    assert list(groups) == [("language", "de"), ("language", "en"), ("language", NOT_KNOWN)]
    assert [one.gain for one in groups.values()] == pytest.approx([0.1, 0.3, 0.5])
    assert [one.is_worst for one in groups.values()] == [True, False, False]
