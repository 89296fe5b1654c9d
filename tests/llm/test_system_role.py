"""A system part for models that know no system role."""

import asyncio

import pytest

from tests.llm.endpoint import error
from unlike.errors import CallFailed
from unlike.llm.backend import Sampling
from unlike.llm.openai_http import OpenAIBackend
from unlike.llm.system_role import refuses_system, without_system

SYSTEM, USER, ASSISTANT = ({"role": role, "content": role} for role in ("system", "user", "assistant"))


def test_the_system_part_goes_to_the_front_of_the_first_users_turn():
    folded = [{"role": "user", "content": "system\n\nuser"}, ASSISTANT, USER]
    assert without_system([SYSTEM, USER, ASSISTANT, USER]) == folded
    assert without_system([USER, ASSISTANT]) == [USER, ASSISTANT]
    assert without_system([SYSTEM]) == [{"role": "user", "content": "system"}]
    assert without_system([SYSTEM, ASSISTANT]) == [{"role": "user", "content": "system"}, ASSISTANT]


@pytest.mark.parametrize(
    ("said", "about_system"),
    [
        ("System role not supported", True),
        ("Conversation roles must alternate user/assistant/user/assistant/...", True),
        ("this model does not support system messages", True),
        ("max_tokens is not supported", False),
        ("the system is down", False),
    ],
)
def test_what_a_refusal_is_about(said, about_system):
    assert refuses_system(said) is about_system


def test_an_endpoint_that_refuses_the_role_is_asked_without_and_that_is_remembered(endpoint):
    endpoint.script = [error(400, "System role not supported")]
    backend = OpenAIBackend("m", base_url=endpoint.base_url)
    for _ in range(2):
        assert asyncio.run(backend.complete([SYSTEM, USER], Sampling())).text == "A good answer."
    roles = [[message["role"] for message in asked["messages"]] for asked in endpoint.requests]
    assert roles == [["system", "user"], ["user"], ["user"]]
    assert endpoint.requests[-1]["messages"][0]["content"] == "system\n\nuser"


def test_it_can_be_told_beforehand(endpoint):
    backend = OpenAIBackend("m", base_url=endpoint.base_url, system_role=False)
    asyncio.run(backend.complete([SYSTEM, USER], Sampling()))
    assert [[message["role"] for message in asked["messages"]] for asked in endpoint.requests] == [["user"]]


def test_another_refusal_is_a_failed_call(endpoint):
    endpoint.always = error(400, "the prompt is too long")
    with pytest.raises(CallFailed, match="too long"):
        asyncio.run(OpenAIBackend("m", base_url=endpoint.base_url).complete([SYSTEM, USER], Sampling()))
    assert len(endpoint.requests) == 1
