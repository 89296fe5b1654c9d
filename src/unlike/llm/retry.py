"""When a failed request is worth another try, and how long to wait before it.

Backoff is exponential with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015): many callers
that failed together do not come back together. What the endpoint asks for in Retry-After comes before our own guess.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

PATIENCE_S = 600.0
"""Maximum total wait of a call for a busy endpoint in work that runs in the background."""
RETRIED_STATUS = frozenset({408, 409, 425, 429})
"""Statuses under 500 that may change by waiting; every status from 500 on is retried too."""


class TryAgain(Exception):  # noqa: N818 - a signal inside the backend, never an error a caller sees
    """One attempt failed in a way that may pass.

    Attributes:
        raw: What the endpoint sent, where it sent anything.
        asked_s: Seconds the endpoint asked to wait; None where it did not.
        busy: Whether it takes no more requests for now.
        unreachable: Whether no connection came about at all.
        unanswered: Whether the endpoint itself failed: timeout, broken connection, server error.
    """

    def __init__(
        self,
        reason: str,
        *,
        raw: str = "",
        asked_s: float | None = None,
        busy: bool = False,
        unreachable: bool = False,
        unanswered: bool = False,
    ) -> None:
        super().__init__(reason)
        self.raw = raw
        self.asked_s = asked_s
        self.busy = busy
        self.unreachable = unreachable
        self.unanswered = unanswered


@dataclass(frozen=True, slots=True)
class Waits:
    """How long to wait between attempts, and the clock to wait by (tests pass their own).

    Attributes:
        base_s: Upper end of the first wait; it doubles with every attempt.
        cap_s: Upper end of every wait of our own.
        asked_cap_s: The longest Retry-After that is waited for; a longer one ends the call.
        now: Unix time, for a Retry-After that is a date.
        clock: Monotonic, for the time limit of a call.
    """

    base_s: float = 0.5
    cap_s: float = 60.0
    asked_cap_s: float = 300.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic

    def before(self, attempt: int, asked_s: float | None) -> float:
        """Seconds to wait before the attempt of that number (1 is the first repetition)."""
        own_s = self.jitter() * min(self.cap_s, self.base_s * 2.0 ** (attempt - 1))
        return own_s if asked_s is None else asked_s + min(own_s, self.base_s)


def is_retried(status: int) -> bool:
    """Whether a request that got this HTTP status may succeed later."""
    return status >= 500 or status in RETRIED_STATUS


def asked_wait_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds an endpoint asks to wait: retry-after-ms, or Retry-After as seconds or a date (RFC 9110, 10.2.3).

    Args:
        headers: Of the response; names in lower case or a case-insensitive mapping.
        now: Unix time in seconds.

    Returns:
        Seconds, never negative; None where nothing readable was asked.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    asked = headers.get("retry-after")
    seconds = _number(asked)
    if seconds is None and asked is not None:
        seconds = _seconds_until(asked, now)
    return None if seconds is None else max(0.0, seconds)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if number == number else None  # "nan" parses as a number and is none


def _seconds_until(http_date: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(http_date).timestamp() - now
    except ValueError:
        return None
