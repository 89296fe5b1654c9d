"""OpenVINO inside this process: GGUF models on processors with AVX-512, where it reads prompts faster than llama.cpp.

Its continuous batching runs all requests together, one token per step, and reads what prompts have in common only once. It
takes GGUF files of the kinds Q4_0, Q4_1, Q4_K, Q6_K, Q8_0 and F16 of the Llama and Qwen families.
"""

import asyncio
import importlib
import itertools
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from unlike.errors import CallFailed, EngineError, InputError, MissingPart, how_to_install
from unlike.llm.backend import Completion, Messages, Sampling, check_length
from unlike.llm.llama_cpp import gguf_file, gguf_name, usable_threads
from unlike.llm.stream import GrowingAnswer, Pieces, whole
from unlike.llm.system_role import without_system

SLOTS = 4
"""More calls at the same time would only make each of them slower."""
_MISSING = f"OpenVINO is not installed; {how_to_install('openvino')}"

Chunk = dict[str, Any] | Exception
"""A piece of an answer as the OpenAI chat stream has it, or why there is none."""


class OpenVinoBackend:
    """A chat model from a GGUF file, run by OpenVINO GenAI.

    Args:
        path: The GGUF file, or the name of a model that ``unlike models`` lists.
        context_tokens: Prompt and answer of one request together; cut to what the model was trained for.
        threads: None for OMP_NUM_THREADS, else one per core.
        cache_gb: Size of the key-value cache in GB, which all requests share.

    Raises:
        InputError: No such file, or a kind of GGUF that OpenVINO does not read.
        MissingPart: OpenVINO GenAI, or the packaged model, is not installed.
    """

    counts_exactly = True
    offers_schema = False

    def __init__(
        self, path: Path | str, *, context_tokens: int = 8192, threads: int | None = None, cache_gb: int = 1
    ) -> None:
        self._genai = genai = _genai()
        file = gguf_file(path)
        self.model = f"openvino:{gguf_name(path, file)}"
        self.context_tokens = min(context_tokens, _trained_context(file))
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size, scheduler.enable_prefix_caching, scheduler.max_num_batched_tokens = cache_gb, True, 512
        try:
            properties = {"INFERENCE_NUM_THREADS": threads or usable_threads()}
            pipeline = genai.ContinuousBatchingPipeline(str(file), scheduler, "CPU", properties)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise InputError(
                f"GGUF model: OpenVINO cannot load {str(file)!r} ({reason}); use --llm llama.cpp:{path}"
            ) from error
        self.slots = SLOTS
        self._tokenizer = pipeline.get_tokenizer()
        self._system_role = self._takes_system_role()
        self._worker = _Worker(pipeline, self._tokenizer)

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call; see ``Backend.complete``. A cancelled call stops at its next token."""
        return await whole(self.stream(messages, sampling))

    async def stream(self, messages: Messages, sampling: Sampling) -> Pieces:
        """Answer one call piece by piece; see ``Streams``. Closed, it stops at its next token."""
        loop, started = asyncio.get_running_loop(), time.monotonic()
        chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        prompt, n_tokens = self._prompt(messages)
        check_length(self.model, n_tokens, sampling.max_tokens, self.context_tokens)
        request = _Request(prompt, n_tokens, self._config(sampling), lambda chunk: _put(loop, chunks, chunk))
        if not self._worker.add(request):
            raise EngineError(f"{self.model} is closed; open it again")
        answer = GrowingAnswer(self.model)
        try:
            while not answer.finish_reason:
                chunk = await chunks.get()
                if isinstance(chunk, Exception):
                    raise CallFailed(f"{self.model}: {chunk}", answer.text) from chunk
                if piece := answer.take(chunk):
                    yield piece
        finally:
            request.given_up.set()
        yield answer.completion(time.monotonic() - started)

    def count_tokens(self, messages: Messages) -> int:
        """Exact, by the model's own template and tokenizer."""
        return self._prompt(messages)[1]

    async def aclose(self) -> None:
        """Wait for the requests in flight and free the model."""
        await asyncio.to_thread(self._worker.close)

    def _prompt(self, messages: Messages) -> tuple[str, int]:
        known = messages if self._system_role else without_system(messages)
        text = self._rendered(known)
        return text, self._tokenizer.encode(text, add_special_tokens=False).input_ids.shape[1]

    def _rendered(self, messages: Messages) -> str:
        return self._tokenizer.apply_chat_template([dict(message) for message in messages], add_generation_prompt=True)

    def _takes_system_role(self) -> bool:
        try:
            self._rendered([{"role": role, "content": "?"} for role in ("system", "user")])
        except RuntimeError:
            return False
        return True

    def _config(self, sampling: Sampling) -> Any:  # noqa: ANN401 - openvino_genai has no types
        config = self._genai.GenerationConfig()
        config.max_new_tokens = sampling.max_tokens
        config.do_sample = sampling.temperature > 0
        if config.do_sample:
            config.temperature, config.top_p = sampling.temperature, sampling.top_p
            config.rng_seed = sampling.seed % 2**32
        config.set_eos_token_id(self._tokenizer.get_eos_token_id())
        return config


class _Request:
    """A request: its prompt, where its chunks go, and the tokens written so far."""

    def __init__(self, prompt: str, n_tokens: int, config: Any, put: Callable[[Chunk], None]) -> None:  # noqa: ANN401
        self.prompt, self.n_tokens, self.config, self.put = prompt, n_tokens, config, put
        self.given_up = threading.Event()
        self.handle: Any = None
        self._token_ids: list[int] = []
        self._text = ""

    def read(self, tokenizer: Any) -> bool:  # noqa: ANN401
        """Send what was written since the last step; returns whether the request has ended."""
        reason = ""
        while self.handle.can_read():
            for output in self.handle.read().values():
                self._token_ids += output.generated_ids
                reason = output.finish_reason.name.lower()
        status = self.handle.get_status().name
        if status == "IGNORED":  # OpenVINO drops what no longer fits into its cache
            self.put(
                RuntimeError("the key-value cache is full; raise cache_gb, or lower context_tokens or concurrency")
            )
            return True
        ended = status != "RUNNING"
        text = tokenizer.decode(self._token_ids)
        if ended or not text.endswith("\ufffd"):  # half a character waits for its other half
            piece, self._text = text[len(self._text) :], text
            self.put({"choices": [{"delta": {"content": piece}}]})
        if ended:
            usage = {"prompt_tokens": self.n_tokens, "completion_tokens": len(self._token_ids)}
            ending = "length" if reason == "length" else "stop"
            self.put({"choices": [{"delta": {}, "finish_reason": ending}], "usage": usage})
        return ended


class _Worker:
    """The thread that steps the pipeline: each request that runs gets one token per step."""

    def __init__(self, pipeline: Any, tokenizer: Any) -> None:  # noqa: ANN401
        self._pipeline, self._tokenizer = pipeline, tokenizer
        self._waiting: queue.Queue[_Request | None] = queue.Queue()
        self._lock = threading.Lock()  # nothing is added behind the None that ends the queue
        self._numbers = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="openvino", daemon=True)
        self._thread.start()

    def add(self, request: _Request) -> bool:
        """Take a request; returns False, and does not take it, where the worker is closed."""
        with self._lock:
            if not self._closed:
                self._waiting.put(request)
            return not self._closed

    def close(self) -> None:
        """Finish all requests that were added, and end the thread."""
        with self._lock:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        running: list[_Request] = []
        while running or not self._closed or not self._waiting.empty():
            running += self._started(wait=not running)
            try:
                if self._pipeline.has_non_finished_requests():
                    self._pipeline.step()
                running = [request for request in running if not self._ended(request)]
            except Exception as error:
                for request in running:
                    request.handle.cancel()
                    request.put(error)
                running = []
        del self._pipeline

    def _started(self, wait: bool) -> list[_Request]:
        started: list[_Request] = []
        while wait or not self._waiting.empty():
            request, wait = self._waiting.get(), False
            if request is None or request.given_up.is_set():
                continue
            try:
                request.handle = self._pipeline.add_request(next(self._numbers), request.prompt, request.config)
            except Exception as error:
                request.put(error)
            else:
                started.append(request)
        return started

    def _ended(self, request: _Request) -> bool:
        if request.given_up.is_set():
            request.handle.cancel()
            return True
        return request.read(self._tokenizer)


def _put(loop: asyncio.AbstractEventLoop, chunks: "asyncio.Queue[Chunk]", chunk: Chunk) -> None:
    with suppress(RuntimeError):  # the loop is closed, so no one waits
        loop.call_soon_threadsafe(chunks.put_nowait, chunk)


def _trained_context(file: Path) -> int:
    """Tokens of context that the file names; a damaged file is found here, since OpenVINO would crash on it."""
    from gguf import GGUFReader

    try:
        fields = GGUFReader(file).fields
        architecture = fields["general.architecture"].contents()
        return int(fields[f"{architecture}.context_length"].contents())
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise InputError(
            f"GGUF model: OpenVINO cannot load {str(file)!r} (damaged: {error}); download it again, or try llama.cpp:{file}"
        ) from error


def _genai() -> Any:  # noqa: ANN401
    try:
        return importlib.import_module("openvino_genai")
    except ModuleNotFoundError as error:
        raise MissingPart(_MISSING) from error
