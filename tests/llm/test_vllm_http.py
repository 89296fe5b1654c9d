"""A vLLM server, played by a small endpoint that reads prompt embeddings as vLLM does."""

import asyncio
import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.llm.endpoint import GARBAGE, answer, completion, error
from tests.llm.tiny_llm import CONTEXT_TOKENS, HIDDEN, tiny_llm
from unlike.errors import CallFailed, EngineError, InputError
from unlike.llm.backend import Sampling
from unlike.llm.local_model import open_local_model
from unlike.llm.open import open_llm
from unlike.llm.retry import Waits
from unlike.llm.soft_prompt import SoftPrompt, takes_soft_prompts
from unlike.llm.token_embeddings import embedded

ASK = [{"role": "user", "content": "Loud drums."}]
SAMPLED = Sampling(temperature=0.5, top_p=0.9, max_tokens=20, seed=5)
PROMPT = SoftPrompt(np.array([5, -1, 7, 8]), np.array([1]), np.full((1, HIDDEN), 0.1, np.float32))
NO_FLAG = "You must set `--enable-prompt-embeds` to input `prompt_embeds`."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_llm(tmp_path_factory.mktemp("tiny"), seed=1))


@pytest.fixture
def backend(endpoint, folder):
    endpoint.always = says("A soft answer.")
    return open_llm(f"vllm:served@{endpoint.base_url}", model_folder=folder, waits=at_once(), timeout_s=5.0)


def at_once():
    async def sleep(seconds):
        pass

    return Waits(sleep=sleep)


def says(text, finish_reason="length"):
    """Behave: answer as the completions API does."""
    choice = {"index": 0, "text": text, "finish_reason": finish_reason}
    return answer({"choices": [choice], "usage": {"prompt_tokens": 4, "completion_tokens": 20}})


def asked(backend, prompt=PROMPT, sampling=SAMPLED):
    async def once():
        try:
            return await backend.complete_soft(prompt, sampling)
        finally:
            await backend.aclose()

    return asyncio.run(once())


def tensor(request):
    """What the server reads."""
    return torch.load(io.BytesIO(base64.b64decode(request["prompt_embeds"], validate=True)), weights_only=True)


def test_it_knows_the_llm_from_its_folder(backend, folder):
    local = open_local_model(folder)
    assert takes_soft_prompts(backend)
    assert (backend.model, backend.llm_hash, backend.hidden) == ("vllm:served", local.llm_hash, HIDDEN)
    assert backend.context_tokens == CONTEXT_TOKENS
    assert backend.count_tokens(ASK) == len(local.tokens.encode(local.tokens.render(ASK)))


def test_it_does_not_say_that_it_scores(backend):
    assert not hasattr(backend, "logprobs")


def test_messages_go_over_the_chat_api(backend, endpoint):
    endpoint.script = [answer(completion("A good answer."))]
    assert asyncio.run(backend.complete(ASK, SAMPLED)).text == "A good answer."
    assert (endpoint.requests[0]["model"], endpoint.requests[0]["messages"]) == ("served", ASK)


def test_a_soft_prompt_goes_as_the_embeddings_of_the_whole_sequence(backend, endpoint, folder):
    told = asked(backend)
    assert (told.text, told.prompt_tokens, told.completion_tokens, told.finish_reason) == (
        "A soft answer.",
        4,
        20,
        "length",
    )
    (request,) = endpoint.requests
    assert torch.equal(tensor(request), embedded(open_local_model(folder).embeddings, PROMPT, "llm"))
    ends = list(open_local_model(folder).ends)
    del request["prompt_embeds"]
    assert request == {
        "model": "served",
        "prompt": None,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 20,
        "seed": 5,
        "stop_token_ids": ends,
    }


def test_a_salt_goes_with_texts_and_with_soft_prompts(backend, endpoint):
    salted = replace(SAMPLED, cache_salt="tenant-7")
    endpoint.script = [answer(completion("A good answer."))]
    asyncio.run(backend.complete(ASK, salted))
    asked(backend, sampling=salted)
    assert [request["cache_salt"] for request in endpoint.requests] == ["tenant-7", "tenant-7"]


def test_a_logit_bias_goes_with_texts_and_with_soft_prompts(backend, endpoint):
    biased = replace(SAMPLED, logit_bias=tuple((token, 1.5) for token in backend.token_ids("a")))
    endpoint.script = [answer(completion("A good answer."))]
    asyncio.run(backend.complete(ASK, biased))
    asked(backend, sampling=biased)
    assert [request["logit_bias"] for request in endpoint.requests] == [{str(backend.token_ids("a")[0]): 1.5}] * 2


def test_half_the_size(endpoint, folder):
    endpoint.always = says("A soft answer.")
    options = {"model_folder": folder, "dtype": "bfloat16", "context_tokens": 64}
    backend = open_llm(f"vllm:served@{endpoint.base_url}", **options)
    asked(backend)
    assert tensor(endpoint.requests[0]).dtype == torch.bfloat16
    assert backend.context_tokens == 64
    with pytest.raises(InputError, match="dtype 'int4'; allowed are float32, bfloat16"):
        open_llm(f"vllm:served@{endpoint.base_url}", model_folder=folder, dtype="int4")


def test_where_the_servers_name_is_the_folder_nothing_else_is_needed(endpoint, folder):
    assert open_llm(f"vllm:{folder}@{endpoint.base_url}").hidden == HIDDEN


@pytest.mark.parametrize("passing", [error(503), GARBAGE, answer({"choices": [{"message": {"content": "chat"}}]})])
def test_what_passes_is_tried_again(backend, endpoint, passing):
    endpoint.script = [passing, passing]
    assert asked(backend).text == "A soft answer."
    assert len(endpoint.requests) == 3
    assert endpoint.requests[0] == endpoint.requests[2]


def test_a_server_without_prompt_embeddings_is_told_in_one_line(backend, endpoint):
    endpoint.always = error(400, NO_FLAG)
    with pytest.raises(EngineError) as failure:
        asked(backend)
    assert str(failure.value) == (
        f"vllm:served: the server at {endpoint.base_url} takes no soft prompts; start it with: "
        "vllm serve served --enable-prompt-embeds --no-enable-prefix-caching --generation-config vllm"
    )
    assert len(endpoint.requests) == 1


def test_another_refusal_is_a_failed_call_in_the_servers_words(backend, endpoint):
    endpoint.always = error(400, "the prompt is too long")
    with pytest.raises(CallFailed, match="vllm:served answered 400: .*the prompt is too long") as failure:
        asked(backend)
    assert json.loads(failure.value.raw)["error"]["message"] == "the prompt is too long"


def test_an_answer_that_is_too_long_names_the_llm(endpoint, folder):
    endpoint.always = says("x" * 2000)
    with pytest.raises(CallFailed, match=r"^vllm:served sent more than the 1,024 bytes"):
        asked(open_llm(f"vllm:served@{endpoint.base_url}", model_folder=folder, max_answer_bytes=1024))


def test_a_password_in_the_address_is_in_no_message(endpoint, folder):
    endpoint.always = error(400, NO_FLAG)
    address = endpoint.base_url.replace("//", "//me:secret@")
    with pytest.raises(EngineError, match="takes no soft prompts") as failure:
        asked(open_llm(f"vllm:served@{address}", model_folder=folder))
    assert "secret" not in str(failure.value)


def test_an_unknown_model_ends_the_run(backend, endpoint):
    endpoint.always = error(404, "no model 'served'")
    with pytest.raises(EngineError, match="vllm:served answered 404"):
        asked(backend)


def test_an_empty_answer_is_a_failed_call(backend, endpoint):
    endpoint.always = says(" ", "stop")
    with pytest.raises(CallFailed, match="the answer is empty"):
        asked(backend)


def test_what_cannot_be_right_is_never_sent(backend, endpoint):
    with pytest.raises(InputError, match="soft vectors have 3 dimensions"):
        asked(backend, SoftPrompt(np.array([1]), np.array([0]), np.zeros((1, 3), np.float32)))
    with pytest.raises(CallFailed, match=f"exceed the context of {CONTEXT_TOKENS}"):
        asked(backend, sampling=Sampling(max_tokens=CONTEXT_TOKENS))
    assert endpoint.requests == []


def test_options_that_are_not_are_told(endpoint):
    with pytest.raises(InputError, match="colour.*model_folder"):
        open_llm(f"vllm:m@{endpoint.base_url}", colour="red")
