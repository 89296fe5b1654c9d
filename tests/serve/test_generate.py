"""Texts: whole and in pieces, and what is said where there is none."""

import http.client
import json

import pytest

from tests.serve import llms
from tests.serve.conftest import calling, listening

ASK = {"user_id": "ada", "item_id": "album-1", "rating": 4}
JSON = {"content-type": "application/json"}
STREAM = ASK | {"stream": True}


def events_of(text):
    """(event, data) of a stream."""
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    return [(event.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for event, data in blocks]


def test_a_text_says_what_it_was_written_from(full):
    written = full.post("/v1/generate", json=ASK).json()
    assert written["text"]
    assert written["rung"] == "full"
    assert written["profile_version"] == full.get("/v1/users/ada/profile").json()["version"]
    assert written["completion_tokens"] > 0


def test_nobody_gets_a_plain_text_on_an_item_that_comes_along(full):
    ask = {"user_id": "nobody", "item": {"title": "A new one"}}
    assert full.post("/v1/generate", json=ask).json()["rung"] == "plain"


def test_the_pieces_of_a_stream_are_the_text(full):
    whole = full.post("/v1/generate", json=ASK).json()
    answer = full.post("/v1/generate", json=STREAM)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *pieces, (last, done) = events_of(answer.text)
    assert (last, done) == ("done", whole)
    assert {name for name, _ in pieces} == {"piece"}
    assert len(pieces) > 1
    assert "".join(data["text"] for _, data in pieces) == whole["text"]


@pytest.mark.parametrize("change", [{"max_tokens": 0}, {"top_p": 0}, {"seed": -1}, {"colour": "red"}, {"user_id": 3}])
def test_what_cannot_be_asked_is_refused(full, change):
    assert full.post("/v1/generate", json=ASK | change).status_code == 422


@pytest.mark.parametrize("llm", [llms.down, llms.silent])
@pytest.mark.parametrize("ask", [ASK, STREAM])
def test_without_an_llm_it_is_503_and_the_rest_is_served(make_house, ask, llm):
    house = make_house("full", llm())
    with calling(house) as client:
        answer = client.post("/v1/generate", json=ask)
        assert (answer.status_code, answer.json()["error"]["type"]) == (503, "llm_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/readyz").json() == {"store": "up", "llm": "down"}
        assert client.get("/v1/users/ada/profile").status_code == 200


@pytest.mark.parametrize("ask", [ASK, STREAM])
def test_a_call_that_failed_is_502_and_tells_nothing_of_it(make_house, ask):
    with calling(make_house("full", llms.failed())) as client:
        answer = client.post("/v1/generate", json=ask)
        assert client.get("/readyz").json()["llm"] == "unknown"
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "llm_failed")
    assert "secret" not in answer.text
    assert "diary" not in answer.text


@pytest.mark.parametrize(
    ("llm", "kind", "state"), [(llms.failed, "llm_failed", "unknown"), (llms.silent, "llm_unavailable", "down")]
)
def test_an_answer_that_breaks_off_ends_with_an_error(make_house, llm, kind, state):
    with calling(make_house("full", llm(n_words=30))) as client:
        answer = client.post("/v1/generate", json=STREAM)
        assert client.get("/readyz").json()["llm"] == state
    *pieces, (last, told) = events_of(answer.text)
    assert pieces
    assert (last, told["error"]["type"]) == ("error", kind)
    assert "diary" not in answer.text


@pytest.mark.parametrize("ask", [ASK, STREAM])
def test_a_spent_budget_is_429(full_house, full, ask):
    full_house.leave_for_one(full, "/v1/generate", ask)
    assert full.post("/v1/generate", json=ask).status_code == 200
    answer = full.post("/v1/generate", json=ask)
    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "budget_spent")
    assert "left, and this may use" in answer.json()["error"]["message"]
    assert 0 < int(answer.headers["retry-after"]) <= 24 * 3600


@pytest.mark.parametrize("n_words", [0, 50])
def test_a_client_who_leaves_stops_the_llm(make_house, n_words):
    house = make_house("full", llms.Endless(n_words))
    with listening(house.app) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"))
        connection.request("POST", "/v1/generate", json.dumps(STREAM), house.head() | JSON)
        if n_words:
            assert connection.getresponse().readline() == b"event: piece\n"
        assert house.backend.begun.wait(120)
        connection.close()
        assert house.backend.stopped.wait(120)
