"""Stock vLLM in this process: chat messages, soft prompts and log-probabilities, many calls at a time.

vLLM puts calls together by itself, each leaving when it is done. A soft prompt goes in as the embeddings of the whole
sequence, with the prefix cache off, for vLLM may take one such prompt's cache for another's (vllm-project/vllm#56655).

vLLM gives log-probabilities of a prompt's tokens, and none where the prompt is nothing but embeddings: it cannot know
the tokens. A text behind a soft prompt is therefore scored as a prompt of both kinds, the soft prompt as embeddings and
the text as tokens, in one pass. vLLM reads such prompts since its chat API takes embeddings (vllm-project/vllm#40720).
"""

import asyncio
import importlib
import importlib.util
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from unlike.errors import CallFailed, EmptyAnswer, EngineError, InputError, MissingPart, how_to_install
from unlike.llm.backend import Completion, LogitBias, Messages, Sampling, check_length, no_words
from unlike.llm.local_model import WithChatTokenizer
from unlike.llm.soft_prompt import SoftPrompt
from unlike.llm.token_embeddings import open_token_embeddings
from unlike.sync import LoopThread

SCORED = Sampling(temperature=0.0, max_tokens=1)
"""vLLM writes at least one token; after a text to be scored it is not used."""


class VllmBackend(WithChatTokenizer):
    """A model of vLLM in this process, as Backend, EmbedsBackend and Scorer.

    Args:
        name: "smollm2" for the packaged model, a model folder, or a model name of the hub.
        dtype: Of weights and computation; "auto" for that of the model's files, and for float32 where there is no GPU: few
            processors compute with half of it, and the others take ten times as long.
        context_tokens: Tokens of prompt and answer together; less memory than what the model was made for.
        engine: Further arguments of vLLM's ``AsyncEngineArgs``, such as tensor_parallel_size or enforce_eager.

    Raises:
        MissingPart: vLLM, or the packaged model, is not installed.
        InputError: The model cannot be read, or vLLM knows no such argument.
        EngineError: vLLM cannot start.
    """

    offers_schema = False

    def __init__(
        self,
        name: str,
        *,
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
        context_tokens: int | None = None,
        engine: Mapping[str, Any] | None = None,
    ) -> None:
        self._vllm = _vllm()
        self._embeddings = embeddings = open_token_embeddings(name)
        arguments = {"model": embeddings.source, "dtype": dtype, "max_model_len": context_tokens}
        if not torch.cuda.is_available():
            arguments["enable_chunked_prefill"] = False  # vLLM 0.32 dies there of a seeded call that it reads in pieces
            arguments["dtype"] = "float32" if dtype == "auto" else dtype
        arguments |= engine or {}
        self._loop = LoopThread("vllm")
        try:
            self._engine: Any = self._loop.run(self._start(name, arguments))
        except BaseException:
            self._loop.stop()
            raise
        model = self._engine.model_config
        used = str(model.dtype).removeprefix("torch.")
        self.model = f"vllm:{embeddings.name}" + ("" if used == "float32" else f":{used}")
        self.context_tokens: int | None = model.max_model_len
        self.hidden = embeddings.hidden
        self.llm_hash = embeddings.llm_hash
        self.tokens = embeddings.tokens
        self._dtype = model.dtype
        self._closed = False

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call; see ``Backend.complete``. A cancelled call is taken out of vLLM."""
        token_ids = self.tokens.encode(self.tokens.render(messages))
        return await self._write({"prompt_token_ids": token_ids}, len(token_ids), sampling)

    async def complete_soft(self, prompt: SoftPrompt, sampling: Sampling) -> Completion:
        """Answer one soft prompt.

        Raises:
            CallFailed: Too long, or vLLM failed at this call.
            InputError: The vectors or token ids are not for this LLM.
            EngineError: Closed, or vLLM has died.
        """
        embeds = self._embeddings.embedded(prompt).to(self._dtype)
        return await self._write({"prompt_embeds": embeds}, len(embeds), sampling)

    async def logprobs(
        self, prompt: SoftPrompt, continuation: NDArray[np.int64], bias: LogitBias = ()
    ) -> NDArray[np.float64]:
        """Log-probability of each token of a continuation; see ``Scorer.logprobs``.

        Raises:
            CallFailed: Too long, or vLLM failed at this call.
            InputError: The vectors or token ids are not for this LLM, the prompt is empty, or there is a bias.
            EngineError: This vLLM cannot score behind soft prompts; or it is closed, or has died.
        """
        if bias:
            raise InputError(
                f"{self.model} scores no texts with a logit bias (setting lexical); use transformers:MODEL"
            )
        n_prompt, n = len(prompt.token_ids), len(continuation)
        if n_prompt == 0:
            raise InputError(f"{self.model}: a score needs a prompt of at least one token; got none")
        whole = SoftPrompt(np.concatenate([prompt.token_ids, continuation]), prompt.places, prompt.vectors)
        check_length(self.model, n_prompt + n, SCORED.max_tokens, self.context_tokens)
        embeds = self._embeddings.embedded(whole).to(self._dtype)  # also checks that all of it is for this LLM
        token_ids = whole.token_ids.copy()
        token_ids[whole.places] = 0  # what stands there does not matter, but must be a token
        asked: dict[str, Any] = {"prompt_token_ids": token_ids.tolist()}
        if len(prompt.places):
            asked |= {"prompt_embeds": embeds, "prompt_is_token_ids": [False] * n_prompt + [True] * n}
        output = await self._ask(asked, self._params(SCORED, prompt_logprobs=0))
        return self._scores(output.prompt_logprobs or (), continuation)

    async def aclose(self) -> None:
        """Answer what is under way, then stop vLLM."""
        if not self._closed:
            self._closed = True
            engine, self._engine = self._engine, None  # let go of here, or vLLM complains when Python ends
            await asyncio.to_thread(self._loop.stop, engine.shutdown)

    async def _start(self, name: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - vLLM may not be installed
        # This process has threads by now, which do not survive a fork; vLLM's own server does the same.
        os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
        try:
            args = self._vllm.AsyncEngineArgs(**arguments, enable_prompt_embeds=True, enable_prefix_caching=False)
        except ImportError as error:
            raise MissingPart(f"vllm is installed but not usable: {_line(error)}; see vLLM's installation") from error
        except TypeError as error:
            raise InputError(f"LLM {name!r}: vLLM does not take that: {error}; see vLLM's engine arguments") from error
        try:
            return self._vllm.AsyncLLMEngine.from_engine_args(args)
        except (ValueError, RuntimeError, OSError) as error:
            raise EngineError(f"LLM {name!r}: vLLM cannot start: {_line(error)}; its log above says more") from error

    def _params(self, sampling: Sampling, **more: int) -> Any:  # noqa: ANN401
        kinds = importlib.import_module("vllm.sampling_params").RequestOutputKind
        return self._vllm.SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=sampling.seed,
            logit_bias=dict(sampling.logit_bias) or None,
            stop_token_ids=list(self._embeddings.ends),
            detokenize=False,
            output_kind=kinds.FINAL_ONLY,
            **more,
        )

    async def _write(self, prompt: Mapping[str, Any], n_tokens: int, sampling: Sampling) -> Completion:
        check_length(self.model, n_tokens, sampling.max_tokens, self.context_tokens)
        salt = {"cache_salt": sampling.cache_salt} if sampling.cache_salt else {}
        started = time.monotonic()
        written = (await self._ask({**prompt, **salt}, self._params(sampling))).outputs[0]
        text, finish_reason = self.tokens.decode(list(written.token_ids)), written.finish_reason or "stop"
        if not text.strip():
            n_used = n_tokens + len(written.token_ids)
            raise EmptyAnswer(f"{self.model}: {no_words(finish_reason)}", tokens=n_used)
        return Completion(text, n_tokens, len(written.token_ids), finish_reason, time.monotonic() - started)

    async def _ask(self, prompt: Mapping[str, Any], params: Any) -> Any:  # noqa: ANN401
        if self._closed:
            raise EngineError(f"{self.model} is closed; open it again")
        dead, failures = _failures()
        try:
            return await self._loop.ask(_output(self._engine, dict(prompt), params))
        except dead as error:
            raise EngineError(f"{self.model}: vLLM has died; its log above says why") from error
        except failures as error:
            raise CallFailed(f"{self.model}: {_line(error)}") from error

    def _scores(self, reported: Sequence[Any], continuation: NDArray[np.int64]) -> NDArray[np.float64]:
        """What vLLM reported of the last tokens of a prompt: for each a dict from token id to its log-probability."""
        behind = reported[len(reported) - len(continuation) :] if len(reported) > len(continuation) else None
        if behind is None or not all(behind):
            raise EngineError(
                f"{self.model}: this vLLM gives no log-probabilities behind soft prompts; use a newer one (0.32 does), "
                "or transformers:MODEL"
            )
        return np.array([one[int(token)].logprob for one, token in zip(behind, continuation, strict=True)], np.float64)


async def _output(engine: Any, prompt: dict[str, Any], params: Any) -> Any:  # noqa: ANN401
    """The one output of a call."""
    (output,) = [each async for each in engine.generate(prompt, params, os.urandom(8).hex())]
    return output


def _line(error: BaseException) -> str:
    """What an error says, or what it comes from: vLLM's own for a failed call says nothing."""
    said = str(error) or str(error.__cause__ or "") or type(error).__name__
    return said.splitlines()[0]


def _vllm() -> Any:  # noqa: ANN401
    if importlib.util.find_spec("vllm") is None:
        raise MissingPart(f"vllm is not installed; {how_to_install('vllm')}")
    return importlib.import_module("vllm")


def _failures() -> tuple[type[Exception], tuple[type[Exception], ...]]:
    """What vLLM raises when it has died, and when a call failed; some versions refuse with ValueError."""
    errors = importlib.import_module("vllm.v1.engine.exceptions")
    root = [kind for kind in errors.EngineDeadError.__mro__ if kind.__module__.startswith("vllm.")][-1]
    return errors.EngineDeadError, (root, errors.EngineGenerateError, ValueError)
