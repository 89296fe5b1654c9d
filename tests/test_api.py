"""The public names, and the few lines of Python that the README promises."""

import asyncio
import subprocess
import sys

import pytest

import unlike

PUBLIC = [
    "METHODS",
    "CallFailed",
    "Case",
    "Corpus",
    "CurateSettings",
    "Draft",
    "EngineError",
    "Generation",
    "InputError",
    "Item",
    "Kit",
    "MethodSettings",
    "MissingPart",
    "Outcome",
    "Record",
    "Stopped",
    "UnlikeError",
    "Watch",
    "agenerate",
    "arun",
    "experiment",
    "generate",
    "open_encoder",
    "open_kit",
    "open_llm",
    "open_memory",
    "open_task",
    "report",
    "run",
    "sample_corpus",
    "score",
    "train",
]


def test_public_names_are_these():
    assert unlike.__all__ == PUBLIC
    assert all(getattr(unlike, name) is not None for name in PUBLIC)
    assert set(PUBLIC) <= set(dir(unlike))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = unlike.nothing


def test_the_sample_corpus_is_large_enough_for_the_papers_settings(tmp_path):
    corpus = unlike.sample_corpus(tmp_path / "corpus")
    assert len(corpus.users()) == 24
    assert len(corpus.items()) == 16
    assert len(corpus.records()) >= 250
    cases = corpus.cases("test")
    assert len(cases) >= 20
    assert all(len(corpus.history(case.user_id, case.moment)) >= 8 for case in cases)
    assert unlike.sample_corpus().hash == unlike.Corpus.open(tmp_path / "corpus").hash or corpus.hash


def test_generate_works_with_and_without_a_running_loop():
    corpus = unlike.sample_corpus()
    kit = unlike.open_kit(corpus, "scripted:echo", "hashing:64", unlike.MethodSettings(n_records=2, n_peers=2))
    case = corpus.cases("test")[0]

    async def in_a_notebook():
        return unlike.generate(case, "dpl", kit).text

    assert unlike.generate(case, "dpl", kit).text == asyncio.run(in_a_notebook())
    assert len(unlike.generate(case, "dpl", kit).trace["differences"]) == 2


def test_importing_loads_nothing_heavy():
    heavy = ["torch", "vllm", "polars", "numpy", "sklearn", "openai", "xllamacpp", "jinja2", "nltk", "pydantic"]
    code = f"import sys, unlike, unlike.cli.main; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_an_unknown_setting_is_answered_with_the_right_names():
    with pytest.raises(
        unlike.InputError, match="n_record is unknown; did you mean n_records[?] allowed are n_records, "
    ):
        unlike.MethodSettings(n_record=3)
    with pytest.raises(unlike.InputError, match="CurateSettings: colour is unknown; allowed are min_chars"):
        unlike.CurateSettings(colour=1)
    with pytest.raises(unlike.InputError, match="did you mean n_peers"):
        unlike.MethodSettings().but(n_peer=3)
    assert unlike.MethodSettings(3) == unlike.MethodSettings(n_records=3)


def test_a_corpus_shows_its_size():
    corpus = unlike.sample_corpus()
    sizes = f"{len(corpus.users())} users, {len(corpus.items())} items, {len(corpus.records())} records"
    assert repr(corpus) == f"<Corpus of {sizes}, {len(corpus.cases())} cases>"
