"""The command in this process, the sample corpus on disk, and a small shop whose users have profiles."""

import shutil
import sys

import pytest
from tests.cli.shop import ITEMS, USERS, WITHOUT_MODELS, record, write_lines

from unlike.cli.main import main


@pytest.fixture
def unlike(monkeypatch, capsys, tmp_path):
    """Run the command in this process; returns (exit status, standard output, standard error)."""
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "UNLIKE_MASTER_KEY", "UNLIKE_SETTINGS", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)

    def command(*words, program="unlike"):
        monkeypatch.setattr(sys, "argv", [program, *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
            raise SystemExit(0)
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return command


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    from unlike.api import sample_corpus

    folder = tmp_path_factory.mktemp("sample") / "corpus"
    sample_corpus(folder)
    return folder


@pytest.fixture
def lines(tmp_path):
    """A file with a record of every user on every item."""
    return write_lines(tmp_path / "records.jsonl", [record(user, item) for user in USERS for item in ITEMS])


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A store in which everybody has a profile, compared with everybody else's."""
    folder = tmp_path_factory.mktemp("built")
    file = write_lines(folder / "records.jsonl", [record(user, item) for user in USERS for item in ITEMS])
    (folder / "at_once.toml").write_text("[refresh]\ndebounce_s = 0\n")
    words = ("ingest", file, "--store", folder / "store", "--consent", "own,peer", "--build", *WITHOUT_MODELS)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["unlike", *map(str, words), "--settings", str(folder / "at_once.toml")])
        main()
    assert not ended.value.code
    return folder / "store"


@pytest.fixture
def shop(built, tmp_path):
    """That store, for one test."""
    return shutil.copytree(built, tmp_path / "shop")
