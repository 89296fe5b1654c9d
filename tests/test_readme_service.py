"""The commands of the README's section on the service, in their order, with a scripted LLM in the place of a real one."""

import json
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from unlike.cli.main import main
from unlike.cli.memory_settings import read_settings
from unlike.sample import ITEMS, RECORDS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## A service\n")[2].partition("\n## ")[0]
N_PEOPLE = 12
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", SECTION, re.MULTILINE)]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("unlike ")]


def block_with(word):
    (found,) = [block for block in BLOCKS if block.strip().startswith(word)]
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The sample's records as the section names them, and the file that it edits from."""
    items = {item["item_id"]: item for item in map(json.loads, lines_of(ITEMS))}
    records = [json.loads(line) for line in lines_of(RECORDS)]
    people = sorted({record["user_id"] for record in records})[:N_PEOPLE]
    with (tmp_path / "records.jsonl").open("w") as file:
        for record in (record for record in records if record["user_id"] in people):
            about = {name: items[record["item_id"]][name] for name in ("title", "description")}
            file.write(json.dumps(record | {"item": about}) + "\n")
    (tmp_path / "lines.txt").write_text("! Writes short sentences.\n")
    monkeypatch.chdir(tmp_path)
    for name in ("UNLIKE_MASTER_KEY", "UNLIKE_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def words_of(command):
    """A command as it is run here: without its remark, and without a model."""
    words = shlex.split(command, comments=True)[1:]
    words = ["scripted:echo" if word.startswith("openai:") else word for word in words]
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
    assert len(COMMANDS) == 18
    said = {}
    for command in COMMANDS:
        words = words_of(command)
        if words[0] == "serve":
            said["chat"] = chat(words, said["keys"].strip())
        else:
            said.setdefault(words[0], run(*words))
    assert f"{N_PEOPLE} new users" in said["ingest"]
    assert f"{N_PEOPLE} profiles built" in said["profile"]
    assert said["generate"].strip()
    assert said["chat"].strip()
    assert "erased ada" in said["erase"]
    assert (folder / "backups" / "monday").is_dir()
    assert (folder / "corpus" / "manifest.json").is_file()


def chat(words, key):
    """What the block with OpenAI's client prints, asking the service that the section starts."""
    command = [sys.executable, "-m", "unlike.cli.main", *words, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as service:
        try:
            address = re.search(r"http://[\d.]+:\d+", service.stdout.readline()).group()
            code = block_with("import openai").replace("http://127.0.0.1:8000", address)
            asked = subprocess.run(
                [sys.executable, "-c", f"KEY = {key!r}\n{code}"], capture_output=True, text=True, check=True
            )
        finally:
            service.terminate()
    assert service.returncode == 0
    return asked.stdout


def test_the_record_can_be_ingested(run, folder):
    line = " ".join(block_with('{"record_id"').split())
    (folder / "one.jsonl").write_text(line + "\n")
    assert "1 new record" in run("ingest", "one.jsonl", "--store", "memory")


def test_the_settings_are_settings(tmp_path):
    (tmp_path / "memory.toml").write_text(block_with("task ="))
    file = read_settings(tmp_path / "memory.toml")
    assert file.memory_settings().fewest_peers == 3
    assert file.service_settings().requests_per_s == 50
