"""The sample corpus on disk, and a small experiment file on it."""

import pytest

from unlike.api import sample_corpus


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "corpus"
    sample_corpus(folder)
    return folder


@pytest.fixture
def plan_file(sample, tmp_path, monkeypatch):
    """Writes an experiment file; returns it."""
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))

    def write(name="mine.toml", llm="scripted:echo", limit=3, methods=("rag", "dpl"), more=""):
        listed = ", ".join(f'{{ method = "{method}" }}' for method in methods)
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            f'title = "t"\ncorpus = "{sample}"\nlimit = {limit}\nembedder = "hashing:64"\nmetrics = ["rouge1"]\n'
            f'settings = {{ n_records = 2, n_peers = 2, max_tokens = 64 }}\nllm = {{ uri = "{llm}" }}\n'
            f"methods = [{listed}]\n{more}"
        )
        return file

    return write
