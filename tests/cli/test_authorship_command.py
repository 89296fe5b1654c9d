"""``unlike authorship``: what it prints and writes, and what is wrong in one line."""

import json

import pytest
from tests.evaluate.authorship.test_authorship import N_WORDS, invented, run

from unlike.evaluate.identity import separation
from unlike.evaluate.running.run_method import write_run

WORDS = ("--words", N_WORDS)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(separation, "DRAWS", 200)


@pytest.fixture
def people(tmp_path):
    """Authors with habits, on disk, and an experiment whose method repeats what each wrote."""
    corpus = invented(planted=True)
    corpus.write(tmp_path / "people")
    echo = run("echo", corpus, lambda user, item: corpus.record(f"u{user}:i{item}").text)
    facts = {"method": "echo", "settings": {"temperature": 0.8, "seed": 0}}
    write_run(tmp_path / "tried" / "runs" / "echo_t0.8_s0", echo.rows, facts)
    return tmp_path


def test_a_method_of_an_experiment_stands_between_floor_and_ceiling(unlike, people):
    status, out, _ = unlike("authorship", people / "people", people / "tried", *WORDS, "--out", people / "made")
    assert status == 0
    for part in ("floor: another user, same item", "ceiling: same user, another item", "echo", "learned style"):
        assert part in out
    figures = json.loads((people / "made" / "people.json").read_text(encoding="utf-8"))
    real, echo = figures["verdicts"][0]["methods"]
    assert real["share"] == echo["share"] and echo["n_users"] == 60
    page = (people / "made" / "people.md").read_text(encoding="utf-8")
    assert f"{echo['share']['value']:.3f}" in page and page.count("## ") == 2


def test_a_corpus_where_nothing_can_be_distinguished_is_declined(unlike, tmp_path):
    invented(planted=False).write(tmp_path / "alike")
    status, out, _ = unlike("authorship", tmp_path / "alike", *WORDS)
    assert status == 0 and " ".join(out.split()).count("declines: it distinguishes real texts") == 2


def test_a_case_of_another_corpus_is_one_line(unlike, people, sample):
    status, _, err = unlike("authorship", sample, people / "tried", "--words", "20")
    assert status == 2 and "is this the corpus of that run?" in err and len(err.strip().splitlines()) == 1


def test_too_few_users_are_one_line(unlike, sample):
    status, _, err = unlike("authorship", sample, "--words", "5000")
    assert status == 2 and "0 users count, at least 10 are needed" in err


def test_its_table_fits_80_columns_and_nothing_is_cut(unlike, people, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    words = (people / "people", people / "tried", *WORDS, "--against", "echo")
    status, out, _ = unlike("authorship", *words)
    assert status == 0 and "…" not in out and max(map(len, out.splitlines())) <= 80
    assert "probability" in out and "ceiling:" in out
