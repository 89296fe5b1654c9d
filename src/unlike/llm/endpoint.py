"""An address that speaks OpenAI's API: how it is reached, how often it is asked, and what its failures mean.

The client library's own retries are off: ours also repeat answers that came back broken (half a body, no JSON, no
choices), and keep the raw body of what failed. A key is asked for only where OpenAI itself is the endpoint.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Never, TypeVar

import openai

from unlike.errors import CallFailed, EngineError, InputError
from unlike.llm.openai_chat import one_line, refused_field
from unlike.llm.retry import TryAgain, Waits, asked_wait_s, is_retried
from unlike.llm.stop import STOP

HOPELESS_STATUS = frozenset({401, 402, 403, 404})
"""No key, no credit, no right, no such model or path: no other call would fare better."""
TOO_MANY = 429
TRIES_TO_CONNECT = 3
"""Attempts before an endpoint that never accepted a connection is given up."""

Answer = TypeVar("Answer")


class FieldRefused(Exception):  # noqa: N818 - a signal between the endpoint and who asks it
    """A request was refused, maybe because of one of its fields."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Endpoint:
    """One model behind an OpenAI-compatible address.

    Args:
        model: What messages call it.
        base_url: Up to and with "/v1"; else OPENAI_BASE_URL, else OpenAI itself.
        api_key: Else OPENAI_API_KEY; an endpoint of one's own may go without.
        timeout_s: For one attempt.
        max_retries: Attempts after the first.
        waits: Lengths of the pauses between attempts.
        patience_s: Seconds that a call may wait in all while the endpoint answers 429, whatever ``max_retries``.

    Raises:
        InputError: No key for OpenAI, or an address that is not one.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None,
        api_key: str | None,
        timeout_s: float,
        max_retries: int,
        waits: Waits,
        patience_s: float = 0.0,
    ) -> None:
        self.model = model
        self._patience_s = patience_s
        self._n_answers = 0
        self._base_url = _base_url(base_url)
        self._api_key = _api_key(api_key, self._base_url)
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._waits = waits
        self._reached = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: openai.AsyncOpenAI | None = None

    async def ask(
        self, attempt: Callable[[openai.AsyncOpenAI], Awaitable[Answer]], fields: Mapping[str, Any] | None = None
    ) -> Answer:
        """Make a request, trying again while that may help.

        Args:
            attempt: Makes it once and reads the answer; raises TryAgain where that is broken.
            fields: Those of the request that the endpoint may not know.

        Raises:
            FieldRefused: The endpoint seems not to know one of the fields.
            CallFailed: This request failed for good.
            EngineError: No request can succeed.
        """
        n_failed, waited_s, n_answers = 0, 0.0, self._n_answers
        while True:
            try:
                answer = await self._once(attempt, fields or {})
            except TryAgain as failure:
                n_failed += 1
                pause_s = self._waits.before(n_failed, failure.asked_s)
                if failure.limited and n_failed > self._max_retries and self._patience_s:
                    pause_s = max(pause_s, self._waits.before(n_failed, None))
                    self._wait_longer_or_stop(failure, waited_s + pause_s, n_answers)
                else:
                    self._give_up_or_go_on(n_failed, failure)
                await self._waits.sleep(pause_s)
                waited_s += pause_s
            else:
                self._n_answers += 1
                return answer

    def no_answer(self, error: Exception) -> TryAgain:
        """What it means that a request or its answer got lost on the way."""
        # The HTTP library's own errors are told apart by name, because the client has used two such libraries.
        cause = type(error.__cause__ or error).__name__
        if isinstance(error, (TimeoutError, openai.APITimeoutError)) and cause != "ConnectTimeout":
            self._reached = True
            return TryAgain(f"{self.model} gave no answer within {self._timeout_s:g} s")
        unreachable = cause.startswith("Connect")
        self._reached = self._reached or not unreachable
        return TryAgain(f"{self.model}: {cause}: {error.__cause__ or error}", unreachable=unreachable)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._open is not None and self._loop is asyncio.get_running_loop():
            await self._open.close()
        self._open = None

    async def _once(
        self, attempt: Callable[[openai.AsyncOpenAI], Awaitable[Answer]], fields: Mapping[str, Any]
    ) -> Answer:
        client = self._client()  # made once, and not in the attempt's time
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await attempt(client)
        except openai.APIStatusError as error:
            self._reached = True
            self._raise_for_status(error, fields)
        except (TimeoutError, openai.APIConnectionError) as error:
            raise self.no_answer(error) from error
        except (TryAgain, CallFailed):
            self._reached = True
            raise
        self._reached = True
        return answer

    def _raise_for_status(self, error: openai.APIStatusError, fields: Mapping[str, Any]) -> Never:
        raw, status = error.response.text, error.status_code
        field = refused_field(error, fields)
        if field is not None:
            raise FieldRefused(field) from error
        reason = f"{self.model} answered {status}: {one_line(raw)}"
        if status in HOPELESS_STATUS or error.code == "insufficient_quota":
            raise EngineError(f"{reason}; check OPENAI_API_KEY, the model's name and {self._base_url}") from error
        if not is_retried(status):
            raise CallFailed(reason, raw) from error
        asked_s = asked_wait_s(error.response.headers, self._waits.now())
        raise TryAgain(reason, raw=raw, asked_s=asked_s, limited=status == TOO_MANY) from error

    def _give_up_or_go_on(self, n_failed: int, failure: TryAgain) -> None:
        tries = min(TRIES_TO_CONNECT, self._max_retries + 1)
        if failure.unreachable and not self._reached and n_failed >= tries:
            raise EngineError(
                f"LLM endpoint cannot be reached: {self._base_url} ({failure}); start it or give another address"
            ) from failure
        if n_failed > self._max_retries:
            raise CallFailed(f"{failure}; given up after {n_failed} attempts", failure.raw) from failure
        if failure.asked_s is not None and failure.asked_s > self._waits.asked_cap_s:
            raise CallFailed(
                f"{failure}; it asks to wait {failure.asked_s:g} s, at most {self._waits.asked_cap_s:g} s are waited",
                failure.raw,
            ) from failure

    def _wait_longer_or_stop(self, failure: TryAgain, waited_s: float, n_answers: int) -> None:
        """Raise an error where the endpoint has refused requests for longer than is waited, or the user asked to stop."""
        if waited_s <= self._patience_s and not STOP.requested:
            return
        reason = f"{failure}; it did so for {waited_s / 60:.0f} minutes"
        if self._n_answers > n_answers:  # other calls were answered meanwhile
            raise CallFailed(reason, failure.raw) from failure
        raise EngineError(f"{reason}; what is done is kept: run the same command again later to continue") from failure

    def _client(self) -> openai.AsyncOpenAI:
        # Connections belong to the event loop they were made in; a notebook may come back with another one.
        loop = asyncio.get_running_loop()
        if self._open is None or self._loop is not loop:
            self._loop = loop
            self._open = openai.AsyncOpenAI(
                base_url=self._base_url, api_key=self._api_key, timeout=self._timeout_s, max_retries=0
            )
        return self._open


def library_error(response: object) -> type[Exception]:
    """What the HTTP library of a response raises when a connection fails; the client has used two such libraries."""
    return sys.modules[type(response).__module__.partition(".")[0]].RequestError


def _base_url(given: str | None) -> str:
    url = given or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    if not url.startswith(("http://", "https://")):
        raise InputError(
            f"LLM endpoint: {url!r}; it must start with http:// or https://; correct --llm or OPENAI_BASE_URL"
        )
    return url


def _api_key(given: str | None, base_url: str) -> str:
    key = given or os.environ.get("OPENAI_API_KEY")
    if key:
        return key
    if base_url.startswith("https://api.openai.com"):
        raise InputError("OpenAI needs a key: none found; set OPENAI_API_KEY, or OPENAI_BASE_URL for another endpoint")
    return "none"
