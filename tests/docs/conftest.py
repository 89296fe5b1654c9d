"""A folder as a reader has it, and the reader: types what a page says, in its order."""

import os
import re
import signal
import sys
import tomllib

import httpx
import pytest

from tests.docs.invented import write_tables
from tests.docs.page import PAGES, blocks_of, file_without_model, without_model
from tests.processes import Command
from unlike.api import sample_corpus
from unlike.cli.main import main

OURS = "unlike"
TRAINED_ON = "transformers:smollm2"
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The invented tables, and the sample as a corpus."""
    write_tables(tmp_path)
    sample_corpus(tmp_path / "corpus")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "none; nobody is asked")
    for name in ("OPENAI_BASE_URL", "UNLIKE_MASTER_KEY", "UNLIKE_SETTINGS", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def reader(folder, monkeypatch, capsys):
    """Somebody who follows pages literally; ends what was started."""
    following = Reader(folder, monkeypatch, capsys)
    yield following
    following.end()


class Reader:
    """Follows pages in a folder.

    Attributes:
        said: What each command and each Python block printed, in order.
    """

    def __init__(self, folder, monkeypatch, capsys):
        self.folder = folder
        self.said = []
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._names = {"__name__": "page"}
        self._services = []
        self._address = ADDRESS

    def follow(self, page):
        """Do all that a page says."""
        for block in blocks_of(PAGES[page]):
            if block.language == "sh" and not block.runs_elsewhere:
                for words in block.commands:
                    self.type(words)
            elif block.title and not block.runs_elsewhere:
                self._save(block)
            elif block.language == "python":
                self._run(block.text.replace(ADDRESS, self._address), page)
            elif block.language == "toml":
                tomllib.loads(block.text)

    def type(self, words):
        """A command line, as typed."""
        if words[:2] == [OURS, "serve"]:
            self._serve(without_model(words[1:]))
        elif words[0] == OURS:
            self.said.append(self._command(without_model(words[1:])))
        elif words[0] == "python":
            self.said.append(self._script(words[1], words[2:]))
        elif words[0] == "curl":
            self.said.append(self._curl([os.path.expandvars(word) for word in words[1:]]))
        elif key := re.fullmatch(r"(\w+)=\$\(unlike", words[1] if words[0] == "export" else ""):
            *rest, last = words[2:]
            self._monkeypatch.setenv(key[1], self._command(without_model([*rest, last.rstrip(")")])).strip())

    def _command(self, words):
        self._monkeypatch.setattr(sys, "argv", [OURS, *words])
        with pytest.raises(SystemExit) as ended:
            main()
            raise SystemExit(0)
        printed = self._capsys.readouterr()
        assert not ended.value.code, (words, printed.out[-2000:], printed.err[-2000:])
        return printed.out + printed.err if words[:2] != ["keys", "new"] else printed.out

    def _curl(self, words):
        """A request, made by Python: a machine may lack curl."""
        address, *options = words
        given = list(zip(options[::2], options[1::2], strict=True))
        headers = dict(value.split(": ", 1) for name, value in given if name == "-H")
        body = next(value for name, value in given if name == "-d")
        answer = httpx.post(address.replace(ADDRESS, self._address), headers=headers, content=body)
        assert answer.status_code == 200, answer.text
        return answer.text

    def _script(self, file, words):
        """A file of the reader's, which is the command with something added; in a process of its own."""
        script = Command(*(without_model(words) if words else ()), script=file, cwd=self.folder)
        out, err = script.communicate(120)
        assert script.returncode == 0, (file, words, out[-2000:], err[-2000:])
        return out

    def _serve(self, words):
        self.end()  # as Ctrl-C does in the terminal that runs one
        service = Command(*words, "--port", "0", cwd=self.folder)
        self._services.append(service)
        self._address = re.search(r"http://[\d.]+:\d+", service.stdout.readline()).group()

    def _save(self, block):
        file = self.folder / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file_without_model(block.text) if block.language == "toml" else block.text)

    def _run(self, code, page):
        """Python, with a tiny LLM instead of the one to train on."""
        if TRAINED_ON in code:
            from tests.llm.tiny_llm import tiny_llm

            code = code.replace(TRAINED_ON, f"transformers:{tiny_llm(self.folder / 'tiny-llm', seed=3)}")
        exec(compile(code, f"docs/{page}", "exec"), self._names)
        self.said.append(self._capsys.readouterr().out)

    def end(self):
        """End the services that a page started."""
        while self._services:
            service = self._services.pop()
            service.send_signal(signal.SIGTERM)
            service.communicate()


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    os.environ.setdefault("OMP_NUM_THREADS", "1")
