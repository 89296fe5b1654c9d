"""Stands in for vLLM: takes and gives what vLLM 0.32 does in the places we use, computed by the transformers library.

It proves what we ask and read. That vLLM itself does so is for `make test-vllm`.
"""

import asyncio
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import torch

from unlike.llm.backend import Sampling
from unlike.llm.decode import Row, score, write
from unlike.llm.local_model import open_local_model


class VLLMError(Exception):
    pass


class EngineGenerateError(VLLMError):
    pass


class EngineDeadError(VLLMError):
    pass


@dataclass
class AsyncEngineArgs:
    model: str
    dtype: str
    max_model_len: int | None
    enable_prompt_embeds: bool
    enable_prefix_caching: bool
    enforce_eager: bool = False
    enable_chunked_prefill: bool = True


@dataclass
class SamplingParams:
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    stop_token_ids: list[int]
    detokenize: bool
    output_kind: str
    logit_bias: dict[int, float] | None = None
    prompt_logprobs: int | None = None


class AsyncLLMEngine:
    """Attributes:
    asked: The prompts, as they came.
    failure: Raised by the next call.
    hangs: Whether calls never end.
    aborted: Calls given up.
    reads_mixed: Whether prompts of embeddings and tokens are understood; versions before 2026 overlook the tokens.
    """

    started = []

    def __init__(self, args):
        self.args = args
        dtype = torch.float32 if args.dtype == "auto" else getattr(torch, args.dtype)
        self.model_config = SimpleNamespace(dtype=dtype, max_model_len=args.max_model_len or 2048)
        self.asked, self.failure, self.hangs, self.aborted = [], None, False, 0
        self.reads_mixed = True
        self.loop = asyncio.get_running_loop()
        self.is_shut_down = False
        self._local = open_local_model(args.model)

    @classmethod
    def from_engine_args(cls, args):
        if args.max_model_len == 1:
            raise ValueError("no memory for the cache\nand much more")
        cls.started.append(cls(args))
        return cls.started[-1]

    def shutdown(self):
        self.is_shut_down = True

    async def generate(self, prompt, params, request_id):
        assert asyncio.get_running_loop() is self.loop
        assert (params.output_kind, params.detokenize) == ("once, at the end", False)
        self.asked.append(prompt)
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure from KeyError("deeper")
        try:
            await (asyncio.Event().wait() if self.hangs else asyncio.sleep(0))
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        embeds = self._embeds(prompt)
        bias = tuple((params.logit_bias or {}).items())
        sampling = Sampling(params.temperature, params.top_p, params.max_tokens, params.seed, logit_bias=bias)
        ((_, written),) = write(self._local.model, [Row(embeds, sampling)], params.stop_token_ids)
        output = SimpleNamespace(text="", token_ids=written.token_ids, finish_reason=written.finish_reason)
        logprobs = None if params.prompt_logprobs is None else self._logprobs(prompt, embeds)
        yield SimpleNamespace(outputs=[output], prompt_logprobs=logprobs)

    def _embeds(self, prompt):
        if "prompt_embeds" not in prompt:
            return self._local.embeddings[torch.tensor(prompt["prompt_token_ids"])]
        embeds = prompt["prompt_embeds"].float()
        if "prompt_is_token_ids" in prompt and self.reads_mixed:
            tokens = torch.tensor(prompt["prompt_is_token_ids"])
            embeds[tokens] = self._local.embeddings[torch.tensor(prompt["prompt_token_ids"])[tokens]]
        return embeds

    def _logprobs(self, prompt, embeds):
        if "prompt_token_ids" not in prompt or ("prompt_embeds" in prompt and not self.reads_mixed):
            return [None]
        token_ids = prompt["prompt_token_ids"]
        (scores,) = score(self._local.model, [embeds], [torch.tensor(token_ids[1:])])
        told = zip(token_ids[1:], scores.tolist(), strict=True)
        return [None, *({token: SimpleNamespace(logprob=value)} for token, value in told)]


def put_in_place(monkeypatch):
    """Have ``import vllm`` give this."""
    vllm, errors = ModuleType("vllm"), ModuleType("vllm.v1.engine.exceptions")
    sampling = ModuleType("vllm.sampling_params")
    sampling.RequestOutputKind = SimpleNamespace(FINAL_ONLY="once, at the end")
    vllm.__spec__ = ModuleSpec("vllm", None)
    for part in (AsyncEngineArgs, AsyncLLMEngine, SamplingParams):
        setattr(vllm, part.__name__, part)
    for error in (EngineDeadError, EngineGenerateError):
        setattr(errors, error.__name__, error)
    for module in (vllm, errors, sampling):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(VLLMError, "__module__", "vllm.exceptions")
    monkeypatch.setattr(AsyncLLMEngine, "started", [])
