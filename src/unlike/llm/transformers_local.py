"""Any chat model of the transformers library in this process: chat messages, soft prompts and log-probabilities.

Messages and soft prompts go the same way: a prompt is token embeddings, with an adapter's vectors in their places. A
text depends on its own prompt, sampling and seed, not on the calls it shares a batch with: in float32, while bfloat16 is
too coarse for that (see ``decode``). The journal makes a run repeatable either way.
"""

import asyncio
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from unlike.errors import CallFailed, EmptyAnswer, EngineError, InputError, first_line
from unlike.llm.backend import Completion, LogitBias, Messages, Sampling, check_length, no_words
from unlike.llm.decode import Row, Written, score, write
from unlike.llm.local_model import LocalModel, WithChatTokenizer, open_local_model
from unlike.llm.micro_batch import Asked, MicroBatches
from unlike.llm.soft_prompt import SoftPrompt
from unlike.llm.token_embeddings import check_fits, embedded


class TransformersBackend(WithChatTokenizer):
    """A model of this process as Backend, EmbedsBackend and Scorer.

    Args:
        local: The model; closing the backend does not close it.
        batch_size: Calls answered together at most.
        context_tokens: Prompt and answer of one call together; cut to what the model was made for, and None for that.

    Raises:
        InputError: No batch or context can have that size.
    """

    offers_schema = False

    def __init__(self, local: LocalModel, *, batch_size: int = 8, context_tokens: int | None = None) -> None:
        for name, size in (("batch_size", batch_size), ("context_tokens", context_tokens)):
            if size is not None and size < 1:
                raise InputError(f"LLM {local.name!r}: {name} {size}; give 1 or more")
        dtype = str(local.embeddings.dtype).removeprefix("torch.")
        self.model = f"transformers:{local.name}" + ("" if dtype == "float32" else f":{dtype}")
        self.context_tokens = min((n for n in (local.context_tokens, context_tokens) if n is not None), default=None)
        self._shape = local.embeddings.shape
        self.hidden = int(self._shape[1])
        self.llm_hash = local.llm_hash
        self.tokens = local.tokens
        self.slots = batch_size
        self._local: LocalModel | None = local
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="transformers")
        self._texts = MicroBatches(self._write, self._worker, batch_size)
        self._scores = MicroBatches(self._score, self._worker, batch_size)
        self._closed = False

    @classmethod
    def open(
        cls,
        name: str,
        *,
        dtype: Literal["float32", "bfloat16"] = "float32",
        batch_size: int = 8,
        device: str | None = None,
        context_tokens: int | None = None,
    ) -> "TransformersBackend":
        """Open a model and the backend on it; see ``open_local_model``."""
        return cls(open_local_model(name, dtype, device), batch_size=batch_size, context_tokens=context_tokens)

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call; see ``Backend.complete``. A cancelled call stops at its next token."""
        token_ids = np.array(self.tokens.encode(self.tokens.render(messages)), dtype=np.int64)
        nothing = np.zeros((0, self.hidden), dtype=np.float32)
        return await self.complete_soft(SoftPrompt(token_ids, np.zeros(0, dtype=np.int64), nothing), sampling)

    async def complete_soft(self, prompt: SoftPrompt, sampling: Sampling) -> Completion:
        """Answer one soft prompt.

        Raises:
            CallFailed: Too long, no memory, or an empty answer.
            InputError: The vectors or token ids are not for this LLM.
            EngineError: Already closed.
        """
        self._check(prompt, sampling.max_tokens)
        started = time.monotonic()
        written = await self._texts.ask((prompt, sampling))
        text = self.tokens.decode(written.token_ids)
        if not text.strip():
            n_tokens = len(prompt.token_ids) + len(written.token_ids)
            raise EmptyAnswer(f"{self.model}: {no_words(written.finish_reason)}", tokens=n_tokens)
        wall_s = time.monotonic() - started
        return Completion(text, len(prompt.token_ids), len(written.token_ids), written.finish_reason, wall_s)

    async def logprobs(
        self, prompt: SoftPrompt, continuation: NDArray[np.int64], bias: LogitBias = ()
    ) -> NDArray[np.float64]:
        """Log-probability of each token of a continuation, in float32; see ``Scorer.logprobs``.

        Raises:
            CallFailed: Too long, or no memory.
            InputError: The vectors or token ids are not for this LLM.
            EngineError: Already closed.
        """
        whole = SoftPrompt(np.concatenate([prompt.token_ids, continuation]), prompt.places, prompt.vectors)
        self._check(whole, 0)
        if len(prompt.token_ids) == 0:
            raise InputError(f"{self.model}: a score needs a prompt of at least one token; got none")
        return await self._scores.ask((whole, len(continuation), bias))

    async def aclose(self) -> None:
        """Answer what waits, then let go of the model."""
        self._closed = True
        await asyncio.to_thread(self._worker.shutdown)
        self._local = None

    def _check(self, prompt: SoftPrompt, max_tokens: int) -> None:
        if self._closed:
            raise EngineError(f"{self.model} is closed; open it again")
        check_length(self.model, len(prompt.token_ids), max_tokens, self.context_tokens)
        check_fits(self._shape, prompt, self.model)

    def _write(self, batch: Sequence[Asked[tuple[SoftPrompt, Sampling]]]) -> Iterator[tuple[int, Written]]:
        local = self._running()
        with self._explain_errors(len(batch)):
            rows = [
                Row(embedded(local.embeddings, prompt, self.model), sampling, asked.given_up.is_set)
                for asked in batch
                for prompt, sampling in [asked.question]
            ]
            yield from write(local.model, rows, local.ends)

    def _score(
        self, batch: Sequence[Asked[tuple[SoftPrompt, int, LogitBias]]]
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        local = self._running()
        with self._explain_errors(len(batch)):
            wholes = [asked.question[0] for asked in batch]
            device = local.embeddings.device
            texts = [
                torch.from_numpy(whole.token_ids[len(whole.token_ids) - n :]).to(device)
                for asked in batch
                for whole, n, _ in [asked.question]
            ]
            embeds = [embedded(local.embeddings, whole, self.model) for whole in wholes]
            scores = score(local.model, embeds, texts, [asked.question[2] for asked in batch])
            yield from enumerate(each.double().cpu().numpy() for each in scores)

    def _running(self) -> LocalModel:
        if self._local is None:
            raise EngineError(f"{self.model} is closed; open it again")
        return self._local

    @contextmanager
    def _explain_errors(self, n_calls: int) -> Generator[None]:
        """Turn an error of torch into a failed call."""
        try:
            yield
        except RuntimeError as error:
            reason = first_line(error)
            # The processor's allocator raises no class of its own.
            if isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in reason:
                reason = f"out of memory with {n_calls} calls at a time; lower batch_size ({reason})"
            raise CallFailed(f"{self.model}: {reason}") from error
