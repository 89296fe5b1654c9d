"""``unlike identity`` on the sample corpus: what it prints and writes, and what is wrong in one line."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from unlike.data.corpus import Corpus
from unlike.evaluate.identity import separation as identity_scores

WORDS = ("--embedder", "hashing:64", "--foils", "1")


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(identity_scores, "DRAWS", 200)


def test_it_prints_the_result_and_writes_tables_pictures_and_figures(unlike, sample, tmp_path):
    status, out, err = unlike("identity", sample, *WORDS, "--out", tmp_path / "made")
    assert status == 0
    assert "measured" in err
    for part in ("own vector, centred", "difference", "history of a stranger", "peers of another item"):
        assert part in out
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "made").iterdir()}
    assert set(written) == {"corpus.json", "corpus.md", "corpus.svg", "corpus_areas.svg", "corpus_curves.svg"}
    figures = json.loads(written["corpus.json"])
    assert figures["main"]["n_users"] == 24 and figures["settings"]["n_foils"] == 1
    assert [row["name"] for row in figures["over_peers"]] == ["1", "2", "4", "6", "8", "all"]
    share = figures["main"]["found"]["difference"]["share"]
    assert share["low"] <= share["value"] <= share["high"]
    assert f"{share['value']:.3f}" in written["corpus.md"] and f"{share['value']:.3f}" in out
    assert written["corpus.md"].count("## ") == 10


def test_its_pictures_stand_alone(unlike, sample, tmp_path):
    unlike("identity", sample, *WORDS, "--out", tmp_path)
    pictures = sorted(tmp_path.glob("*.svg"))
    assert len(pictures) == 3
    for path in pictures:
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and root[0].text and root[1].text
        assert "prefers-color-scheme: dark" in text and "var(" not in text
        assert not re.search(r"\b(nan|inf)\b", text)


def test_json_is_all_it_prints(unlike, sample):
    status, out, err = unlike("identity", sample, *WORDS, "--json", "--time", "paper", "--records", "4", "--peers", "2")
    assert status == 0 and not err
    settings = json.loads(out)["settings"]
    assert (settings["time_rule"], settings["n_records"], settings["n_peers"]) == ("paper", 4, 2)


def test_encoders_are_compared_in_one_table(unlike, sample, tmp_path):
    words = ("--compare", "hashing:64, hashing:16+hashing:64", "--words", "20", "--out", tmp_path / "made")
    status, out, _ = unlike("identity", sample, *WORDS, *words)
    assert status == 0 and "hashing:16+hashing:64" in out and "difference to representatives" in " ".join(out.split())
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"corpus_encoders.json", "corpus_encoders.md"}
    figures = json.loads((tmp_path / "made" / "corpus_encoders.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in figures["encoders"]] == ["hashing:64", "hashing:16+hashing:64"]
    assert figures["settings"]["n_words"] == 20


def test_no_text_and_no_user_is_in_what_it_writes(unlike, sample, tmp_path):
    unlike("identity", sample, *WORDS, "--out", tmp_path / "made")
    written = " ".join(path.read_text(encoding="utf-8") for path in (tmp_path / "made").iterdir())
    records = Corpus.open(sample).records()
    assert not any(record.text in written or record.id in written for record in records)
    assert not any(re.search(rf"\b{re.escape(record.user_id)}\b", written) for record in records)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--min-records", "40"), "0 users count, at least 10 are needed"),
        (("--time", "future"), "--time 'future' is unknown; allowed are as_of, paper"),
        (("--embedder", "hashing:1"), "give at least 8"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(words, message, unlike, sample):
    status, _, err = unlike("identity", sample, *WORDS, *words)
    assert status == 2
    assert message in err and err.startswith("unlike: ") and len(err.strip().splitlines()) == 1


def test_a_folder_that_is_no_corpus_is_one_line(unlike, tmp_path):
    status, _, err = unlike("identity", tmp_path)
    assert status == 2 and "no corpus in" in err


@pytest.mark.parametrize("more", [(), ("--compare", "hashing:64,hashing:16+hashing:64")])
def test_its_table_fits_80_columns_and_nothing_is_cut(unlike, sample, monkeypatch, more):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = unlike("identity", sample, *WORDS, *more)
    assert status == 0 and "…" not in out and max(map(len, out.splitlines())) <= 80
    heading = "".join(line[-12:] for line in out.splitlines()[1:5]).replace(" ", "")
    assert ("stranger" if more else "overownvector") in heading, "the last column is whole"
    assert not more or "hashing:16+" in out


def test_its_pictures_need_no_font_that_is_not_there():
    """In a process of its own: matplotlib warns once."""
    code = """
from unlike.evaluate.report.charts import draw
from unlike.evaluate.report.identity import _titled
draw("name", "title", "description", (300, 100), lambda axes: _titled(axes.figure, "Who wrote it?"))
"""
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "findfont" not in made.stderr
