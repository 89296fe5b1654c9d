"""``unlike models``: what it lists, and how fetching looks."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.llm.model_sources import CONTENT, NOWHERE, TINY, lead, opened_sources

from unlike.cli.doctor_checks import _downloaded_models
from unlike.llm.model_catalogue import CATALOGUE, model_file

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def sources(unlike, monkeypatch, tmp_path):
    with opened_sources(monkeypatch, tmp_path / "cache") as opened:
        yield opened


def test_the_list_says_what_each_is(unlike):
    status, out, _ = unlike("models")
    assert status == 0
    for model in CATALOGUE.values():
        (line,) = [line for line in out.splitlines() if f" {model.name} " in line]
        assert line.split()[0] == ("yes" if model.name == "smollm2" else "no")
        assert all(word in line for word in (model.licence, model.good_for, f"{model.context_tokens:,}", " MB"))
    assert "download one with: unlike models get NAME" in out
    assert unlike("models", "list")[1] == out


def test_the_list_for_programs(unlike):
    status, out, _ = unlike("models", "--json")
    assert status == 0
    listed = {row["name"]: row for row in json.loads(out)}
    assert list(listed) == list(CATALOGUE)
    assert listed["smollm2"]["here"] and not listed["qwen2.5-7b"]["here"]
    assert listed["qwen2.5-7b"]["file"] == str(model_file("qwen2.5-7b"))


def test_a_model_is_fetched_and_listed(unlike, sources):
    status, out, err = unlike("models", "get", "tiny")
    file = model_file("tiny")
    assert (status, file.read_bytes()) == (0, CONTENT)
    assert out == f"tiny is here: {file}\nuse it with: --llm llama.cpp:tiny\n"
    steps = ["tiny: from the hub", "tiny: checking the SHA-256"]
    assert list(dict.fromkeys(line.partition(", MB")[0] for line in err.splitlines())) == steps
    assert f"tiny: {file}" in unlike("models")[1]
    status, out, err = unlike("models", "get", "tiny")
    assert (status, err) == (0, "")


def test_doctor_names_what_is_here(unlike, sources):
    assert _downloaded_models().seen == "smollm2; others: unlike models, unlike models get NAME"
    unlike("models", "get", "tiny")
    assert _downloaded_models().works
    assert _downloaded_models().seen.startswith("smollm2, tiny; ")


def test_a_terminal_has_a_bar(unlike, sources, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    status, out, err = unlike("models", "get", "tiny")
    assert status == 0
    assert "tiny: " in err and "\x1b[" in err
    assert "tiny is here" in out


def test_what_cannot_be_fetched_is_one_line(unlike, sources, monkeypatch, tmp_path):
    monkeypatch.setitem(CATALOGUE, "tiny", replace(TINY, parts=None))
    lead(monkeypatch, NOWHERE, NOWHERE, tmp_path / "cache")
    status, out, err = unlike("models", "get", "tiny")
    assert (status, out) == (2, "")
    (told,) = [line for line in err.splitlines() if line.startswith("unlike: ")]
    assert "'tiny' cannot be fetched: hub (127.0.0.1:1): " in told
    assert not model_file("tiny").exists()


def test_an_unknown_name_is_told(unlike):
    status, _, err = unlike("models", "get", "abacus")
    assert status == 2
    assert "allowed are smollm2, " in err


def test_stopped_by_hand_it_says_how_to_go_on(unlike, sources):
    sources.holds = (TINY.file,)
    command = [sys.executable, "-m", "tests.llm.fetch_tiny", "command"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert sources.is_held.wait(120)
    assert any("from the hub" in line for line in process.stderr)  # a megabyte is written
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "unlike: stopped; run the same command again to continue"
    assert not model_file("tiny").exists()
    sources.holds = ()
    sources.go_on.set()
    assert unlike("models", "get", "tiny")[0] == 0
    assert [first > 0 for _, first in sources.asked] == [False, True]
