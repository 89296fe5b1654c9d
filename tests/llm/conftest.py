"""The engines the tests of this room talk to."""

import asyncio

import pytest

from unlike.llm.journal import Journal
from unlike.llm.llama_cpp import LlamaCppBackend
from unlike.llm.openvino import OpenVinoBackend


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch):
    """Keys and addresses of whoever runs the tests must not matter."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def embedded():
    """The packaged model; one thread, for other tests run beside it."""
    backend = LlamaCppBackend("smollm2", slots=2, context_tokens=2048, threads=1, same_everywhere=True)
    yield backend
    asyncio.run(backend.aclose())


@pytest.fixture(scope="session")
def openvino():
    """The packaged model read by OpenVINO."""
    backend = OpenVinoBackend("smollm2", context_tokens=2048, threads=1)
    yield backend
    asyncio.run(backend.aclose())


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()
