"""A service whose LLM is an endpoint that records what it is sent."""

import contextlib
from types import SimpleNamespace

import openai

from tests.serve.conftest import listening
from unlike.llm.openai_http import OpenAIBackend

TOOL = {"type": "function", "function": {"name": "price_of", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "price_of", "arguments": '{"item": "album-1"}'}}
CHAT = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this, and what does it cost?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        ],
    },
    {"role": "assistant", "content": None, "refusal": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "12"},
    {"role": "developer", "content": "In euros.", "name": "shop"},
    {"role": "user", "content": "Well?"},
]
FIELDS = {
    "temperature": 0.2,
    "top_p": 0.9,
    "stop": ["\n", "END"],
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "logit_bias": {"50256": -100},
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "price_of"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "logprobs": True,
    "top_logprobs": 3,
    "n": 2,
    "seed": -7,
    "max_completion_tokens": 40,
}
EXTRA = {"chat_template_kwargs": {"enable_thinking": False}, "min_p": 0.1}
"""What other engines than OpenAI's know."""


@contextlib.contextmanager
def passing(make_house, endpoint, keep_prompts=False, **options):
    """The official client, calling a service over that endpoint."""
    backend = OpenAIBackend("m", base_url=endpoint.base_url, **{"max_retries": 0, **options})
    house = make_house("full", llm=backend, keep_prompts=keep_prompts)
    with (
        listening(house.app) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key=house.keys["acme"], max_retries=0) as client,
    ):
        yield SimpleNamespace(house=house, client=client, address=address, create=client.chat.completions.create)
