"""What many tests stand on: a tiny world with peers, days with several records, and a scripted LLM."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.llm.endpoint import Endpoint

settings.register_profile("unlike", deadline=None)  # a busy machine is no fault
settings.load_profile("unlike")

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The Digital Music reviews, which are not part of the project."""
    folder = (
        Path(os.environ.get("UNLIKE_REAL_DATA", REPOSITORY.parent / "shared" / "data")) / "amazon_digital_music_2014"
    )
    if not folder.is_dir():
        pytest.skip(f"the Digital Music reviews are not at {folder}; set UNLIKE_REAL_DATA to the folder above them")
    return folder


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.stop()


def pytest_addoption(parser):
    parser.addoption("--forbid-skips", action="store_true", help="a skipped test fails the run")
    parser.addoption("--renew-golden", action="store_true", help="write golden files again; look at the difference")


LONGEST = (
    "tests/inspector/test_service_pages.py",
    "tests/spread/",
    "tests/inspector/",
    "tests/latent/",
    "tests/docs/",
    "tests/evaluate/running/test_run_plan.py",
)
"""These begin first, so that no processor waits for one of them at the end; one worker gets all tests of Ray."""


def pytest_collection_modifyitems(items):
    items.sort(
        key=lambda item: next((n for n, path in enumerate(LONGEST) if item.nodeid.startswith(path)), len(LONGEST))
    )


def pytest_sessionfinish(session, exitstatus):
    """With --forbid-skips a run that skipped anything has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--forbid-skips") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
