"""A run over an endpoint that misbehaves ends, says why case by case, and a second start completes it."""

import json

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
    "429": error(429, retry_after="0"),
    "500": error(500),
    "half a body": half_a_body,
    "nothing": nothing,
    "an empty body": EMPTY_BODY,
    "garbage": GARBAGE,
    "no choices": NO_CHOICES,
}


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
def test_failed_cases_are_rows_and_a_second_start_completes_them(kind, unlike, sample, tmp_path, monkeypatch):
    async def at_once(seconds):
        return None

    monkeypatch.setattr(openai_http, "Waits", lambda: Waits(sleep=at_once))
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
