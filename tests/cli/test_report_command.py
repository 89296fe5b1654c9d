"""``unlike report``: what is known of the users, and one line for what is wrong."""

import json

import pytest
from tests.cli.shop import write_lines


@pytest.fixture
def runs(unlike, sample, tmp_path):
    """Two runs on the sample corpus."""
    for method in ("non_perso", "rag"):
        fixed = ("--corpus", sample, "--llm", "scripted:echo", "--embedder", "hashing:64", "--records", "2")
        assert unlike("run", *fixed, "--method", method, "--limit", "6", "--out", tmp_path / method)[0] == 0
    return tmp_path / "non_perso", tmp_path / "rag"


def words(runs, tmp_path, *more):
    return ("report", *runs, "--metrics", "rouge1", "--embedder", "hashing:64", "--out", tmp_path / "r.html", *more)


def test_gains_by_what_is_known_of_the_users(unlike, runs, tmp_path):
    users = sorted({json.loads(line)["user_id"] for line in (runs[0] / "generations.jsonl").open()})
    lines = [f"{user},{'old' if place % 2 else 'young'}\n" for place, user in enumerate(users)]
    (tmp_path / "users.csv").write_text("user_id,age\n" + "".join(lines))
    assert unlike(*words(runs, tmp_path, "--users", tmp_path / "users.csv"))[0] == 0
    gains = json.loads((tmp_path / "r.json").read_text())["group_gains"]
    assert {gain["group"] for gain in gains if gain["attribute"] == "age"} == {"old", "young"}


def test_a_method_of_ones_own_is_a_row_though_only_its_run_is_here(unlike, runs, tmp_path):
    (tmp_path / "own").mkdir()
    facts = json.loads((runs[1] / "run.json").read_text())
    (tmp_path / "own" / "run.json").write_text(json.dumps(facts | {"method": "mine"}))
    rows = [json.loads(line) | {"method": "mine"} for line in (runs[1] / "generations.jsonl").open()]
    write_lines(tmp_path / "own" / "generations.jsonl", rows)
    assert unlike(*words((runs[0], tmp_path / "own"), tmp_path))[0] == 0
    variants = json.loads((tmp_path / "r.json").read_text())["variants"]
    assert [(one["name"], one["is_baseline"]) for one in variants] == [("non_perso", True), ("mine", False)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--users", "nothing.csv"), "users: no such file"),
        (("--metrics", "rouge9"), "rouge9"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(more, message, unlike, runs, tmp_path):
    status, _, err = unlike(*words(runs, tmp_path, *more))
    assert status == 2
    assert err.startswith("unlike: report: ")
    assert message in err
    assert len(err.strip().splitlines()) == 1
