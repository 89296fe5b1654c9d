"""An address that speaks OpenAI's API: how it is reached, how often it is asked, and what its failures mean.

Answers that came back broken (half a body, no JSON, no choices) are asked for again too, and the raw body of what failed
is kept. A key is asked for only where OpenAI itself is the endpoint.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Never, TypeVar

from unlike.errors import Busy, CallFailed, EngineError, InputError, NoAnswer, Refused
from unlike.llm.http_client import ConnectionFailed, HttpClient, StatusError
from unlike.llm.openai_chat import one_line, refused_field
from unlike.llm.retry import TryAgain, Waits, asked_wait_s, is_retried
from unlike.llm.stop import STOP
from unlike.llm.usage import note_unanswered
from unlike.settings import EndpointSettings

HOPELESS_STATUS = frozenset({401, 402, 403, 404})
"""No key, no credit, no right, no such model or path: no other call would fare better."""
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
        model: Its name in messages.
        base_url: Up to and with "/v1"; else OPENAI_BASE_URL, else OpenAI itself.
        api_key: Else OPENAI_API_KEY; an endpoint of one's own may go without.
        limits: Of time, attempts and size.
        waits: Lengths of the pauses between attempts.
        patience_s: Seconds that a call may wait in all while the endpoint answers 429, whatever ``max_retries``.

    Raises:
        InputError: No key for OpenAI, or an address that is not one.

    Attributes:
        shown_url: The address in messages, without a password.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None,
        api_key: str | None,
        limits: EndpointSettings,
        waits: Waits,
        patience_s: float = 0.0,
    ) -> None:
        self.model = model
        self._patience_s = patience_s
        self._n_answers = 0
        address = _base_url(base_url)
        self.shown_url = re.sub(r"//[^/@]*@", "//", address)
        self._client = HttpClient(
            address,
            _api_key(api_key, address),
            name=model,
            timeout_s=limits.timeout_s,
            max_bytes=limits.max_answer_bytes,
        )
        self._limits = limits
        self._waits = waits
        self._reached = False

    async def ask(
        self, attempt: Callable[[HttpClient], Awaitable[Answer]], fields: Mapping[str, Any] | None = None
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
        n_failed, waited_s, n_answers, deadline = 0, 0.0, self._n_answers, self.deadline()
        while True:
            left_s = deadline - self._waits.clock()
            try:
                answer = await self._once(attempt, fields or {}, min(self._limits.timeout_s, left_s))
            except TryAgain as failure:
                n_failed += 1
                pause_s = self._waits.before(n_failed, failure.asked_s)
                if failure.busy and n_failed > self._limits.max_retries and self._patience_s:
                    pause_s = max(pause_s, self._waits.before(n_failed, None))
                    self._raise_if_busy_too_long(failure, waited_s + pause_s, n_answers)
                    deadline += pause_s  # waiting for a busy endpoint does not count
                else:
                    self._raise_if_final(n_failed, failure, deadline - self._waits.clock() - pause_s)
                await self._waits.sleep(pause_s)
                waited_s += pause_s
            else:
                self._n_answers += 1
                return answer

    def deadline(self) -> float:
        """When a call that begins now has to end, by the clock of ``Waits``."""
        return self._waits.clock() + self._limits.total_s

    def check_deadline(self, deadline: float) -> None:
        """Check that a stream has not passed its deadline.

        Raises:
            CallFailed: It has.
        """
        if self._waits.clock() > deadline:
            raise CallFailed(f"{self.model} did not end its answer within {self._limits.total_s:g} s")

    def no_answer(self, error: TimeoutError | ConnectionFailed) -> TryAgain:
        """What it means that a request or its answer got lost on the way."""
        unreachable = isinstance(error, ConnectionFailed) and error.unreachable
        self._reached = self._reached or not unreachable
        if isinstance(error, TimeoutError) or error.timed_out:
            return TryAgain(f"{self.model} gave no answer within {self._limits.timeout_s:g} s", unanswered=True)
        return TryAgain(f"{self.model}: {error}", unreachable=unreachable, unanswered=True)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _once(
        self, attempt: Callable[[HttpClient], Awaitable[Answer]], fields: Mapping[str, Any], timeout_s: float
    ) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                answer = await attempt(self._client)
        except StatusError as error:
            self._reached = True
            self._raise_for_status(error, fields)
        except (TimeoutError, ConnectionFailed) as error:
            failure = self.no_answer(error)
            if not failure.unreachable:
                note_unanswered()
            raise failure from error
        except (TryAgain, CallFailed):
            self._reached = True
            raise
        self._reached = True
        return answer

    def _raise_for_status(self, error: StatusError, fields: Mapping[str, Any]) -> Never:
        raw, status = error.body, error.status
        field = refused_field(error, fields)
        if field is not None:
            raise FieldRefused(field) from error
        reason = f"{self.model} answered {status}: {one_line(raw)}"
        if 300 <= status < 400:
            to = error.headers.get("location", "nowhere")
            raise EngineError(f"{self.shown_url} redirects to {to}, which is not followed; give that address instead")
        if status in HOPELESS_STATUS or error.code == "insufficient_quota":
            raise EngineError(f"{reason}; check OPENAI_API_KEY, the model's name and {self.shown_url}") from error
        if not is_retried(status):
            raise Refused(reason, raw, _name_in(error.param), _name_in(error.code)) from error
        asked_s = asked_wait_s(error.headers, self._waits.now())
        is_busy = status == 429 or (status == 503 and asked_s is not None)
        raise TryAgain(reason, raw=raw, asked_s=asked_s, busy=is_busy, unanswered=status >= 500) from error

    def _raise_if_final(self, n_failed: int, failure: TryAgain, left_s: float) -> None:
        """Raise the error of a call that gets no further attempt; ``left_s`` remain of its time limit."""
        tries = min(TRIES_TO_CONNECT, self._limits.max_retries + 1)
        if failure.unreachable and not self._reached and n_failed >= tries:
            raise EngineError(
                f"endpoint cannot be reached: {self.shown_url} ({failure}); start it or give another address"
            ) from failure
        if n_failed > self._limits.max_retries:
            raise final(failure, f"given up after {n_failed} attempts") from failure
        if failure.asked_s is not None and failure.asked_s > self._waits.asked_cap_s:
            asked = f"it asks to wait {failure.asked_s:g} s, at most {self._waits.asked_cap_s:g} s are waited"
            raise final(failure, asked) from failure
        if left_s <= 0:
            raise final(failure, f"given up: a call may take {self._limits.total_s:g} s in all") from failure

    def _raise_if_busy_too_long(self, failure: TryAgain, waited_s: float, n_answers: int) -> None:
        """Raise an error if the endpoint was busy for longer than the patience, or the user asked to stop."""
        if waited_s <= self._patience_s and not STOP.requested:
            return
        why = f"it did so for {waited_s / 60:.0f} minutes"
        if self._n_answers > n_answers:  # other calls were answered meanwhile
            raise final(failure, why) from failure
        advice = "what is done is kept: run the same command again later to continue"
        raise EngineError(f"{failure}; {why}; {advice}") from failure


def final(failure: TryAgain, why: str, raw: str = "") -> CallFailed:
    """The error of a call that is not tried again; ``raw`` is what came of its answer."""
    reason, raw = f"{failure}; {why}", raw or failure.raw
    if failure.busy:
        return Busy(reason, raw, failure.asked_s)
    return NoAnswer(reason, raw) if failure.unanswered else CallFailed(reason, raw)


def _name_in(value: object) -> str:
    """A field or code of an endpoint's error if it has the form of a name, else ""; callers may be sent it."""
    return value if isinstance(value, str) and re.fullmatch(r"[\w.\[\]-]{1,100}", value) else ""


def _base_url(given: str | None) -> str:
    url = given or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    if not url.startswith(("http://", "https://")):
        raise InputError(
            f"endpoint: {url!r}; it must start with http:// or https://; correct it in --llm or OPENAI_BASE_URL"
        )
    return url


def _api_key(given: str | None, base_url: str) -> str:
    key = given or os.environ.get("OPENAI_API_KEY")
    if key:
        return key
    if base_url.startswith("https://api.openai.com"):
        raise InputError("OpenAI needs a key: none found; set OPENAI_API_KEY, or OPENAI_BASE_URL for another endpoint")
    return "none"
