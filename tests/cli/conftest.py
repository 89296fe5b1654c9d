"""The command in this process, and the sample corpus on disk."""

import sys

import pytest

from unlike.cli.main import main


@pytest.fixture
def unlike(monkeypatch, capsys, tmp_path):
    """Run the command in this process; returns (exit status, standard output, standard error)."""
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["unlike", *map(str, words)])
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
