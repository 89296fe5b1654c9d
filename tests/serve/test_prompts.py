"""Prompts that were kept: read over HTTP, with the highest scope alone, and of chats that are passed on."""

import asyncio

import pytest

from tests.attack.test_limits import key_for
from tests.serve.conftest import calling
from tests.serve.passed import CHAT, passing
from unlike.memory.settings import MemorySettings
from unlike.writing.draft import WRITING_STEPS

TEXT = WRITING_STEPS[MemorySettings().method.layout]
GENERATE = {"user_id": "ada", "item_id": "album-1", "title": "Call me on 0171 2345678, or ada@example.com"}


@pytest.fixture
def keeping(make_house):
    return make_house("full", keep_prompts=True)


def test_by_default_there_are_none(full):
    full.post("/v1/generate", json=GENERATE).raise_for_status()
    assert full.get("/v1/users/ada/prompts").json() == {"rows": [], "total": 0, "offset": 0}


@pytest.mark.parametrize("stream", [False, True])
def test_the_prompt_of_a_text_can_be_read(keeping, stream):
    with calling(keeping) as client:
        assert client.get("/v1/users/nobody/prompts").status_code == 404
        client.post("/v1/generate", json=GENERATE | {"stream": stream}).raise_for_status()
        page = client.get("/v1/users/ada/prompts").json()
    (kept,) = page["rows"]
    assert (page["total"], kept["step"], kept["shows_others"]) == (1, TEXT, False)
    sent = keeping.backend.calls[-1][0]
    assert [one["role"] for one in kept["messages"]] == [one["role"] for one in sent]
    assert kept["messages"][0] == sent[0] and "ada says that album-1" in str(kept["messages"])
    assert "ada@example.com" in str(sent) and "ada@example.com" not in str(kept)


def test_reading_them_needs_the_highest_scope_and_is_noted(keeping):
    with calling(keeping) as client:
        refused = client.get("/v1/users/ada/prompts", headers=key_for(keeping, ["read", "write", "generate"]))
        assert refused.json()["error"]["type"] == "out_of_scope"
        assert client.get("/v1/users/ada/prompts").status_code == 200
        assert client.get("/v1/users/ada/export").json()["audit"][-1]["what"] == "read"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_chat_that_is_passed_on(make_house, endpoint, streamed):
    """Of its parts the texts are kept; of what is no text, the kind."""
    with passing(make_house, endpoint, keep_prompts=True) as at:
        list(at.create(model="unlike", messages=CHAT, user="ada", stream=streamed))
        list(at.create(model="unlike", messages=CHAT, stream=streamed))  # for no user: not kept
        (kept,) = asyncio.run(at.house.open_memory(at.house.store.tenant("acme")).prompts("ada")).rows
    *ours, _, first, called, tool, developer, last = kept.messages
    assert kept.step == "chat" and "ada says that album-1" in ours[0]["content"]
    assert first["content"] == "What is this, and what does it cost?\n[image_url]"
    assert (called["content"], tool["content"], developer["role"], last["content"]) == ("", "12", "developer", "Well?")
