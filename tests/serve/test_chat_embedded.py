"""OpenAI's own client, the service, and a real LLM behind it."""

import asyncio

import openai
import pytest

from tests.serve.conftest import listening
from unlike.llm.open import open_llm

pytestmark = pytest.mark.embedded
ASK = [{"role": "user", "content": "Write two sentences about this album."}]


@pytest.fixture
def at(make_house):
    backend = open_llm("llama.cpp:smollm2")
    house = make_house("full", llm=backend)
    with (
        listening(house.app) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key=house.keys["acme"], max_retries=0) as client,
    ):
        yield client
    asyncio.run(backend.aclose())


def test_the_official_client_gets_a_personal_text_whole_and_in_pieces(at):
    asked = {"model": "any", "messages": ASK, "user": "ada", "metadata": {"item_id": "album-1"}, "max_tokens": 24}
    whole = at.chat.completions.create(**asked, temperature=0.0)
    assert whole.choices[0].message.content.strip()
    assert whole.usage.prompt_tokens > 100, "the profile and records stand before the question"
    assert whole.unlike["rung"] == "full"
    chunks = list(at.chat.completions.create(**asked, temperature=0.0, stream=True))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 1
    assert "".join(pieces).strip()
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
