"""A run over an endpoint that misbehaves ends, says why case by case, and a second start completes it."""

import json
import re

import pytest
from tests.llm.endpoint import (
    EMPTY_BODY,
    GARBAGE,
    NO_CHOICES,
    Endpoint,
    answer,
    completion,
    error,
    half_a_body,
    nothing,
)

from unlike.llm import openai_http
from unlike.llm.retry import Waits

MISBEHAVIOUR = {
    "500": error(500),
    "half a body": half_a_body,
    "nothing": nothing,
    "an empty body": EMPTY_BODY,
    "garbage": GARBAGE,
    "no choices": NO_CHOICES,
}


@pytest.fixture
def at_once(monkeypatch):
    """Nothing is waited for."""

    async def no_sleep(seconds):
        return None

    monkeypatch.setattr(openai_http, "Waits", lambda: Waits(sleep=no_sleep))


def test_an_endpoint_that_is_busy_for_long_is_waited_for_and_then_the_run_stops(unlike, sample, tmp_path, at_once):
    endpoint, out = Endpoint(), tmp_path / "run"
    words = ["run", "--corpus", sample, "--method", "rag", "--llm", f"openai:m@{endpoint.base_url}", "--out", out]
    words += ["--embedder", "hashing:64", "--limit", "3", "--concurrency", "1"]
    endpoint.script, endpoint.always = [answer(completion("I like it."))] * 2, error(429, retry_after="0")
    status, _, err = unlike(*words)
    assert status == 2
    assert re.search("answered 429.* minutes; what is done is kept: run the same command again", err)
    n_asked, endpoint.always = len(endpoint.requests), answer(completion("I like it."))
    assert n_asked > 2 + 7, "more often than other failures"
    assert unlike(*words)[0] == 0
    assert len(endpoint.requests) == n_asked + 1, "what was answered is not asked again"
    endpoint.stop()


def test_a_run_goes_on_at_another_address(unlike, sample, tmp_path):
    """The model decides, not the host: what is answered is not asked again."""
    first, second, out = Endpoint(), Endpoint(), tmp_path / "run"
    words = ["run", "--corpus", sample, "--method", "rag", "--out", out, "--embedder", "hashing:64"]
    assert unlike(*words, "--llm", f"openai:m@{first.base_url}", "--limit", "2")[0] == 0
    first.stop()
    assert unlike(*words, "--llm", f"openai:m@{second.base_url}", "--limit", "3")[0] == 0
    assert (len(first.requests), len(second.requests)) == (2, 1)
    status, _, err = unlike(*words, "--llm", f"openai:other@{second.base_url}", "--limit", "3")
    assert (status, "llm 'openai:m', now 'openai:other'" in err) == (2, True)
    second.stop()


@pytest.mark.parametrize("kind", MISBEHAVIOUR)
def test_failed_cases_are_rows_and_a_second_start_completes_them(kind, unlike, sample, tmp_path, at_once):
    endpoint, out = Endpoint(), tmp_path / "run"
    words = ["run", "--corpus", sample, "--method", "rag", "--llm", f"openai:m@{endpoint.base_url}", "--out", out]
    words += ["--embedder", "hashing:64", "--limit", "4"]
    endpoint.always = MISBEHAVIOUR[kind]
    status, _, err = unlike(*words)
    rows = [json.loads(line) for line in (out / "generations.jsonl").open()]
    assert status == 3
    assert [row["status"] for row in rows] == ["failed"] * 4
    assert all(row["text"] is None and row["error"] for row in rows)
    assert "retries the failed cases" in err
    endpoint.always = answer(completion("I like it."))
    status, _, _ = unlike(*words)
    rows = [json.loads(line) for line in (out / "generations.jsonl").open()]
    assert status == 0
    assert [row["text"] for row in rows] == ["I like it."] * 4
    endpoint.stop()
