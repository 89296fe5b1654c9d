"""llama.cpp inside this process: any GGUF file, no server to start, several requests at once.

Prompts that begin alike share their beginning: llama.cpp keeps what it has read. That and flash attention make a run
about three times as fast, but both change the last bits of the logits, so a text may depend on what ran beside it.
``same_everywhere=True`` switches both off: then the same call gives the same text, whatever runs beside it (measured on
SmolLM2: 16 of 16 texts equal over 1, 2 and 4 slots). The journal makes a run repeatable either way.
"""

import asyncio
import hashlib
import http.client
import importlib
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unlike.errors import CallFailed, EngineError, InputError, MissingPart, how_to_install
from unlike.llm.backend import Completion, Messages, Sampling, response_format
from unlike.llm.model_catalogue import CATALOGUE, ready_model
from unlike.llm.stream import GrowingAnswer, Pieces, whole
from unlike.llm.system_role import without_system

LOOP_GUARD = {"dry_multiplier": 0.8, "dry_base": 1.75, "dry_allowed_length": 6, "dry_penalty_last_n": 512}
"""llama.cpp's DRY sampler: a token that would lengthen a repetition of more than six tokens becomes unlikely. Small models end in
loops otherwise."""

DIGESTED_BYTES = 2**20
"""Of each end of a file; to read all of a large model takes longer than to load it."""
_ENGINE_MISSING = f"llama.cpp is not installed; {how_to_install('embedded')}"


class LlamaCppBackend:
    """A chat model from a GGUF file.

    Args:
        path: The GGUF file, or the name of a model that ``unlike models`` lists.
        slots: Requests answered at the same time.
        context_tokens: Prompt and answer of one request together; cut to what the model was trained for.
        threads: None for OMP_NUM_THREADS, else one a core. They wait for each other actively: where other work keeps
            the cores busy, one thread has been six times as fast as two.
        same_everywhere: Whether speed is given up for texts that do not depend on what runs beside them.

    Raises:
        InputError: No such file, or not a GGUF model.
        MissingPart: llama.cpp or the packaged model is not installed.
    """

    counts_exactly = True
    offers_schema = True

    def __init__(
        self,
        path: Path | str,
        *,
        slots: int = 4,
        context_tokens: int = 8192,
        threads: int | None = None,
        same_everywhere: bool = False,
    ) -> None:
        file = gguf_file(path)
        engine = _engine()
        params = engine.CommonParams()
        params.model.path = str(file)
        params.n_parallel = slots
        params.n_ctx = context_tokens * slots
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or usable_threads()
        params.fit_params = False  # the context is what the caller asked for, not what happens to fit
        params.verbosity = -1
        if same_everywhere:
            params.cache_ram_mib = 0
            params.flash_attn_type = engine.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.model = f"llama.cpp:{gguf_name(path, file)}"
        self.slots = slots
        self._prompt_cache = not same_everywhere
        self._server = _start(engine, params)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="llama.cpp")
        # The file decides how much context there really is.
        self.context_tokens = int(self._http("GET", "/props")["default_generation_settings"]["n_ctx"])
        self._system_role = self._knows_system_role()

    @property
    def base_url(self) -> str:
        """Where this process also answers the OpenAI chat API (loopback only)."""
        return f"{self._running().listening_address}/v1"

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call; see ``Backend.complete``. A cancelled call stops at its next token."""
        return await whole(self.stream(messages, sampling))

    async def stream(self, messages: Messages, sampling: Sampling) -> Pieces:
        """Answer one call in a worker thread, piece by piece; see ``Streams``. Closed, it stops at its next token."""
        self._running()
        loop, given_up = asyncio.get_running_loop(), threading.Event()
        chunks: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def keep(chunk: dict[str, Any]) -> bool:
            if not given_up.is_set():
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return given_up.is_set()  # True tells llama.cpp to stop

        answer = GrowingAnswer(self.model)
        request = chat_request(self._roles_known(messages), sampling, self._prompt_cache)
        work = loop.run_in_executor(self._pool, self._write, request, keep)
        work.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            while (chunk := await chunks.get()) is not None:
                if piece := self._piece(answer, chunk):
                    yield piece
            wall_s = await work
        finally:
            given_up.set()
            work.cancel()  # if it still waits for a slot
        yield answer.completion(wall_s)

    def count_tokens(self, messages: Messages) -> int:
        """Exact, by the model's own template and tokenizer: about 3 ms for a short prompt, 14 ms for 2,000 tokens."""
        body = {"messages": [dict(message) for message in self._roles_known(messages)]}
        return int(self._http("POST", "/v1/chat/completions/input_tokens", body)["input_tokens"])

    def token_ids(self, text: str) -> list[int]:
        """Token ids of a text; see ``token_ids_of``."""
        return self._http("POST", "/tokenize", {"content": text, "add_special": False})["tokens"]

    async def aclose(self) -> None:
        """Wait for the requests in flight and free the model."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        self._server = None

    def _knows_system_role(self) -> bool:
        probe = [{"role": role, "content": "?"} for role in ("system", "user")]
        try:
            self._http("POST", "/v1/chat/completions/input_tokens", {"messages": probe})
        except CallFailed:
            return False
        return True

    def _roles_known(self, messages: Messages) -> Messages:
        return messages if self._system_role else without_system(messages)

    def _write(self, request: dict[str, Any], keep: Callable[[dict[str, Any]], bool]) -> float:
        """Pass all chunks to ``keep``; returns the seconds it took."""
        started = time.monotonic()
        try:
            self._running().handle_chat_completions(request, keep)
        except (ValueError, RuntimeError) as error:
            raise CallFailed(f"{self.model}: {error}") from error
        return time.monotonic() - started

    def _piece(self, answer: GrowingAnswer, chunk: dict[str, Any]) -> str:
        if "error" in chunk:
            reason = chunk["error"].get("message", "failed")
            raise CallFailed(f"{self.model}: {reason}", answer.text or json.dumps(chunk))
        return answer.take(chunk)

    def _http(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        address = urlsplit(self._running().listening_address)
        connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=60)
        try:
            connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read().decode("utf-8", "replace")
        except OSError as error:
            raise EngineError(f"{self.model}: {path} failed: {error}; start again") from error
        finally:
            connection.close()
        if response.status != 200:
            raise CallFailed(f"{self.model}: {path} answered {response.status}", answer)
        return json.loads(answer)

    def _running(self) -> Any:  # noqa: ANN401 - xllamacpp has no stubs
        if self._server is None:
            raise EngineError(f"{self.model} is closed; open it again")
        return self._server


def chat_request(messages: Messages, sampling: Sampling, cache_prompt: bool) -> dict[str, Any]:
    """One call as llama.cpp's server takes it."""
    request: dict[str, Any] = {
        "messages": [dict(message) for message in messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed % (2**32 - 1),  # the last one means "any" to llama.cpp
        # llama.cpp would also cut to the 40 likeliest tokens; that was not asked for.
        "top_k": 0,
        "min_p": 0.0,
        "cache_prompt": cache_prompt,
        **LOOP_GUARD,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.logit_bias:
        request["logit_bias"] = [list(one) for one in sampling.logit_bias]
    if sampling.schema:
        request["response_format"] = response_format(sampling.schema)
    return request


def gguf_file(path: Path | str) -> Path:
    """The file of a model in the catalogue, or a GGUF file of one's own.

    Raises:
        InputError: No such file, or not a GGUF model.
        MissingPart: The model in the catalogue is not here.
    """
    if str(path) in CATALOGUE:
        return ready_model(str(path))
    file = Path(path)
    if not file.is_file():
        raise InputError(
            f"GGUF model: no file {str(file)!r}; give a file, or one of {', '.join(CATALOGUE)}; see: unlike models"
        )
    with file.open("rb") as start:
        if start.read(4) != b"GGUF":
            raise InputError(f"GGUF model: {str(file)!r} is not a GGUF file; convert the model to GGUF first")
    return file


def gguf_name(path: Path | str, file: Path) -> str:
    """What journals call a model: the file's name, for a file of one's own with a digest of its size, beginning and end.

    Args:
        path: As it was given.
        file: Where the model is.
    """
    if str(path) in CATALOGUE:
        return file.name
    n_bytes = file.stat().st_size
    digest = hashlib.sha256(str(n_bytes).encode())
    with file.open("rb") as content:
        for place in (0, max(0, n_bytes - DIGESTED_BYTES)):
            content.seek(place)
            digest.update(content.read(DIGESTED_BYTES))
    return f"{file.name}#{digest.hexdigest()[:12]}"


def _engine() -> Any:  # noqa: ANN401 - xllamacpp has no stubs
    try:
        return importlib.import_module("xllamacpp")
    except ModuleNotFoundError as error:
        raise MissingPart(_ENGINE_MISSING) from error
    except ImportError as error:  # its OpenMP runtime is a system part
        raise MissingPart(
            f"llama.cpp cannot be loaded: {error}; install libgomp1 with the system's packages"
        ) from error


def _start(engine: Any, params: Any) -> Any:  # noqa: ANN401
    try:
        return engine.Server(params)
    except RuntimeError as error:
        file = params.model.path
        raise InputError(f"GGUF model: llama.cpp cannot load {file!r} ({error}); give another file") from error


def usable_threads() -> int:
    """OMP_NUM_THREADS where it is set, else the cores this process may use (in a container not all there are)."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
