"""The commands of the README's section on the service, in their order, with a scripted LLM in the place of a real one."""

import re
import shlex
import sys
import textwrap
from pathlib import Path

import pytest

from unlike.cli.main import main

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## A service\n")[2].partition("\n## ")[0]
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", SECTION, re.MULTILINE)]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("unlike ")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("UNLIKE_MASTER_KEY", "UNLIKE_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def words_of(command):
    """A command as it is run here: without its remark, and without a model."""
    words = shlex.split(command, comments=True)[1:]
    words = ["scripted:echo" if word.startswith("llama.cpp:") else word for word in words]
    needs_encoder = words[0] == "serve" or words[:2] == ["profile", "build"]
    return [*words, "--embedder", "hashing:64"] if needs_encoder else words


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command in this process; gives what it prints."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["unlike", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert not ended.value.code, (words, printed.err)
        return printed.out

    return run


def test_the_commands_run_in_their_order(run, folder):
    """All but the last, which serves until it is stopped: docs/service.md's own test does that."""
    said = [run(*words_of(command)) for command in COMMANDS[:-1]]
    assert COMMANDS[-1].startswith("unlike serve ")
    assert "288 new records; 24 new users" in said[0]
    assert "24 of 24 new users may be compared with others" in said[0]
    assert "1 profile built" in said[1]
    assert "full (version 1, compared with others on the same items)" in said[3]
    assert "ada-" in said[3], "the records behind the statements"
    assert all(text.strip() for text in said)
