"""Any endpoint that speaks the OpenAI chat API: OpenAI, vLLM, llama.cpp's server and many others.

The client library's own retries are off: ours also repeat answers that came back broken (half a body, no JSON, no
choices), and keep the raw body of what failed. A key is asked for only where OpenAI itself is the endpoint.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Never, cast

import openai

from unlike.errors import CallFailed, EngineError, InputError
from unlike.llm.backend import Completion, Messages, Sampling, estimate_tokens, response_format
from unlike.llm.retry import TryAgain, Waits, asked_wait_s, is_retried

HOPELESS_STATUS = frozenset({401, 402, 403, 404})
"""No key, no credit, no right, no such model or path: no other call would fare better."""
NO_SCHEMAS_STATUS = frozenset({400, 422, 501})
"""What endpoints answer that do not know schemas; also what they answer when something else is wrong."""
TRIES_TO_CONNECT = 3
"""Attempts before an endpoint that never accepted a connection is given up."""

Send = Callable[[openai.AsyncOpenAI], Awaitable[str]]
"""Makes one request and gives the body of the answer."""
Read = Callable[[str, float], Completion]
"""Body and seconds to what they say; raises as ``read_completion``."""


class _SchemaRefused(Exception):  # noqa: N818 - a signal inside this backend
    """A request with a schema was refused, maybe because of the schema."""


class OpenAIBackend:
    """A chat model behind an OpenAI-compatible endpoint.

    Args:
        model: The endpoint's name of the model.
        base_url: Up to and with "/v1"; else OPENAI_BASE_URL, else OpenAI itself.
        api_key: Else OPENAI_API_KEY; an endpoint of one's own may go without.
        timeout_s: For one attempt, from sending to the last byte.
        max_retries: Attempts after the first.
        context_tokens: What the model takes, where the caller knows.
        waits: Lengths of the pauses between attempts.

    Raises:
        InputError: No key for OpenAI, or an address that is not one.
    """

    counts_exactly = False
    offers_schema = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 600.0,
        max_retries: int = 6,
        context_tokens: int | None = None,
        waits: Waits | None = None,
    ) -> None:
        self.model = f"openai:{model}"
        self.context_tokens = context_tokens
        self._name = model
        self._base_url = _base_url(base_url)
        self._api_key = _api_key(api_key, self._base_url)
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._waits = waits or Waits()
        self._reached = False
        self._knows_schemas = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: openai.AsyncOpenAI | None = None

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call, trying again while that may help; see ``Backend.complete``.

        Where a schema is refused, the call is made once more without it. Only if that one is answered was it the
        schema that was wrong; from then on none is sent.
        """
        if not self._knows_schemas:
            sampling = replace(sampling, schema="")
        try:
            return await self._chat(messages, sampling)
        except _SchemaRefused:
            completion = await self._chat(messages, replace(sampling, schema=""))
        self._knows_schemas = False
        return completion

    async def ask(self, send: Send, read: Read) -> Completion:
        """Make any request to this endpoint, trying again while that may help; raises as ``complete``."""
        attempt = 0
        while True:
            try:
                return await self._attempt(send, read)
            except TryAgain as failure:
                attempt += 1
                self._give_up_or_go_on(attempt, failure)
                await self._waits.sleep(self._waits.before(attempt, failure.asked_s))

    def count_tokens(self, messages: Messages) -> int:
        """A cautious estimate: the endpoint's tokenizer is not at hand."""
        return estimate_tokens(messages)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._open is not None and self._loop is asyncio.get_running_loop():
            await self._open.close()
        self._open = None

    async def _chat(self, messages: Messages, sampling: Sampling) -> Completion:
        async def send(client: openai.AsyncOpenAI) -> str:
            try:
                response = await client.chat.completions.with_raw_response.create(
                    model=self._name,
                    messages=cast(Any, [dict(message) for message in messages]),
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    max_tokens=sampling.max_tokens,
                    seed=sampling.seed,
                    extra_body={"response_format": response_format(sampling.schema)} if sampling.schema else None,
                )
            except openai.APIStatusError as error:
                if sampling.schema and error.status_code in NO_SCHEMAS_STATUS:
                    self._reached = True
                    raise _SchemaRefused from error
                raise
            return response.text

        return await self.ask(send, read_completion)

    async def _attempt(self, send: Send, read: Read) -> Completion:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await send(self._client())
        except openai.APIStatusError as error:
            self._reached = True
            self._raise_for_status(error)
        except (TimeoutError, openai.APIConnectionError) as error:
            raise self._no_answer(error) from error
        self._reached = True
        return read(body, time.monotonic() - started)

    def _raise_for_status(self, error: openai.APIStatusError) -> Never:
        raw, status = error.response.text, error.status_code
        reason = f"{self.model} answered {status}: {_one_line(raw)}"
        if status in HOPELESS_STATUS or error.code == "insufficient_quota":
            raise EngineError(f"{reason}; check OPENAI_API_KEY, the model's name and {self._base_url}") from error
        if not is_retried(status):
            raise CallFailed(reason, raw) from error
        raise TryAgain(reason, raw=raw, asked_s=asked_wait_s(error.response.headers, self._waits.now())) from error

    def _no_answer(self, error: Exception) -> TryAgain:
        # The HTTP library's own errors are told apart by name, because the client has used two such libraries.
        cause = type(error.__cause__ or error).__name__
        if isinstance(error, (TimeoutError, openai.APITimeoutError)) and cause != "ConnectTimeout":
            self._reached = True
            return TryAgain(f"{self.model} gave no answer within {self._timeout_s:g} s")
        unreachable = cause.startswith("Connect")
        self._reached = self._reached or not unreachable
        return TryAgain(f"{self.model}: {cause}: {error.__cause__ or error}", unreachable=unreachable)

    def _give_up_or_go_on(self, attempt: int, failure: TryAgain) -> None:
        tries = min(TRIES_TO_CONNECT, self._max_retries + 1)
        if failure.unreachable and not self._reached and attempt >= tries:
            raise EngineError(
                f"LLM endpoint cannot be reached: {self._base_url} ({failure}); start it or give another address"
            ) from failure
        if attempt > self._max_retries:
            raise CallFailed(f"{failure}; given up after {attempt} attempts", failure.raw) from failure
        if failure.asked_s is not None and failure.asked_s > self._waits.asked_cap_s:
            raise CallFailed(
                f"{failure}; it asks to wait {failure.asked_s:g} s, at most {self._waits.asked_cap_s:g} s are waited",
                failure.raw,
            ) from failure

    def _client(self) -> openai.AsyncOpenAI:
        # Connections belong to the event loop they were made in; a notebook may come back with another one.
        loop = asyncio.get_running_loop()
        if self._open is None or self._loop is not loop:
            self._loop = loop
            self._open = openai.AsyncOpenAI(
                base_url=self._base_url, api_key=self._api_key, timeout=self._timeout_s, max_retries=0
            )
        return self._open


def read_completion(
    body: str, wall_s: float, text_of: Callable[[Any], Any] = lambda choice: choice["message"]["content"]
) -> Completion:
    """What the body of a completion says.

    Args:
        body: JSON.
        wall_s: Seconds it took.
        text_of: From a choice to its text; where a chat completion has it, if nothing is given.

    Raises:
        TryAgain: No JSON, or JSON without an answer in it.
        CallFailed: An answer without text; asking again would give the same.
    """
    try:
        answer: Any = json.loads(body)
        choice = answer["choices"][0]
        text = text_of(choice) or ""
        usage: Any = answer.get("usage") or {}
        completion = Completion(
            # Half a surrogate pair is valid JSON and cannot be stored.
            text=text.encode("utf-8", "replace").decode(),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
            finish_reason=str(choice.get("finish_reason") or "stop"),
            wall_s=wall_s,
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise TryAgain(f"the answer holds no completion: {_one_line(body)}", raw=body) from error
    if not completion.text.strip():
        raise CallFailed(f"the answer is empty (finish reason {completion.finish_reason!r})", body)
    return completion


def _base_url(given: str | None) -> str:
    url = given or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    if not url.startswith(("http://", "https://")):
        raise InputError(
            f"LLM endpoint: {url!r}; it must start with http:// or https://; mend --llm or OPENAI_BASE_URL"
        )
    return url


def _api_key(given: str | None, base_url: str) -> str:
    key = given or os.environ.get("OPENAI_API_KEY")
    if key:
        return key
    if base_url.startswith("https://api.openai.com"):
        raise InputError("OpenAI needs a key: none found; set OPENAI_API_KEY, or OPENAI_BASE_URL for another endpoint")
    return "none"


def _one_line(text: str) -> str:
    """The start of a body, fit for a one-line message."""
    return " ".join(text[:400].split())[:200] or "an empty body"
