"""The scripts that reproduce a paper: which experiments they run, and that each can be forecast."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.docs.page import DOCS, options_of
from tests.llm.tiny_llm import tiny_llm
from unlike.api import sample_corpus
from unlike.cli.main import main
from unlike.evaluate.running.read_plan import PRESETS, read_plan
from unlike.llm.open import model_of

SCRIPTS = {"dpl.sh": 14, "dep.sh": 25}
"""Experiments of each."""
STAND_IN = """#!/bin/sh
printf '%s\\n' "$@" >> "$COMMANDS"
echo >> "$COMMANDS"
"""


@pytest.fixture
def commands(tmp_path):
    """Runs a script with a stand-in for the command, which writes down its words; returns them."""

    def run(script, *words, **environment):
        command = tmp_path / "bin" / "unlike"
        command.parent.mkdir()
        command.write_text(STAND_IN)
        command.chmod(0o755)
        known = {"PATH": f"{command.parent}:{os.environ['PATH']}", "COMMANDS": str(tmp_path / "commands")}
        subprocess.run(["sh", DOCS / "reproduce" / script, *words], env=known | environment, check=True)
        return [line.splitlines() for line in (tmp_path / "commands").read_text().strip().split("\n\n")]

    return run


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs_presets_with_options_that_exist(commands, script):
    found = commands(script, "--dry-run", LLM="scripted:echo", JUDGES="s-72b@http://h:1/v1 s-gpt")
    assert len(found) == SCRIPTS[script]
    outs = [words[words.index("--out") + 1] for words in found]
    assert len(set(outs)) == len(outs)
    for words in found:
        assert words[0] == "experiment" and words[-1] == "--dry-run"
        assert options_of(words)
        assert (PRESETS / f"{words[1]}.toml").is_file()
        if "--judge" in words:
            assert [words[n + 1] for n, word in enumerate(words) if word == "--judge"] == [
                "s-72b@http://h:1/v1",
                "s-gpt",
            ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_by_default_each_experiment_has_the_llm_of_its_preset(commands, script):
    for words in commands(script):
        uri = read_plan(PRESETS / f"{words[1]}.toml").llm.uri
        assert model_of(words[words.index("--llm") + 1]).partition(":")[2] == uri.partition(":")[2], words[1]


def test_adapters_are_shared_by_the_three_categories(commands):
    table = [words for words in commands("dep.sh", BOOKS="a", FILMS="b", MUSIC="c") if words[1] == "dep-table1"]
    assert [words[words.index("--corpus") + 1] for words in table] == ["a", "b", "c"]
    for words in table:
        assert [words[n + 1] for n, word in enumerate(words) if word == "--train-on"] == ["a", "b", "c"]
        assert words[words.index("--adapters") + 1] == "results/dep-table1/adapters"


def test_the_arithmetic_of_the_page():
    page = (DOCS / "reproduce.md").read_text()
    rows = re.findall(r"^\| `(dpl-\S+)` \|.*?\| *\d+ \| ([\d,]+) \| ([\d.]+) M \| ([\d.]+) M \| (\S+) \|$", page, re.M)
    figures = {name: [float(n.replace(",", "").replace("–", "0")) for n in cells] for name, *cells in rows}
    of_all = ("dpl-table1", "dpl-n", "dpl-uniqueness")
    of_books = ("dpl-table2", "dpl-k", "dpl-efficiency", "dpl-32b")
    calls, prompt, written, judged = (
        sum(3996 / 248 * figures[name][n] for name in of_all)
        + sum(317 / 248 * figures[name][n] for name in of_books)
        + figures["dpl-yelp"][n]
        for n in range(4)
    )
    hours = round((prompt / 10_000 + written / 2_000) * 1e6 / 3600)
    for stated in (f"{calls:,.0f}", f"{prompt:,.0f} M, {written:.0f} M", f"{judged:,.0f}", f"| {hours} |"):
        assert stated in page
    assert f"| {judged * 1_000 / 2_500 / 3600:.0f} |" in page
    assert f"{round(prompt) * 0.15 + round(written) * 0.6:.2f}" in page


@pytest.mark.soak
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_experiment_of_a_script_can_be_forecast(commands, script, tmp_path, monkeypatch, capsys):
    """With the sample in the place of each category, and a model of random weights in the place of DEP's."""
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    sample_corpus(tmp_path / "sample")
    folder = tiny_llm(tmp_path / "llm", "qwen2")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 65_536}))
    llm = f"vllm:{folder}" if script == "dep.sh" else "scripted:echo"
    corpora = dict.fromkeys(("BOOKS", "FILMS", "MUSIC", "YELP"), str(tmp_path / "sample"))
    for words in commands(script, "--dry-run", **corpora, LLM=llm, LLM_32B=llm, EMBEDDER="hashing:32"):
        if read_plan(PRESETS / f"{words[1]}.toml").samples:
            continue  # five samples of a hundred cases need a larger corpus
        monkeypatch.setattr(sys, "argv", ["unlike", *words, "--limit", "2"])
        with pytest.raises(SystemExit) as ended:
            main()
            raise SystemExit(0)
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        assert " calls" in printed.out
