"""How much one caller may ask: requests a second for each key, and bytes of a body."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

_MOST_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class Rates:
    """A token bucket for each key.

    Args:
        per_s: Tokens that come back each second; None for no limit.
        burst: Tokens of a full bucket.
        clock: Seconds that only grow.
    """

    def __init__(self, per_s: float | None, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[bytes, _Bucket] = {}

    def take(self, key: bytes) -> int:
        """Count a request.

        Returns:
            0 where it may go on, else the seconds after which to try again.
        """
        if self._per_s is None:
            return 0
        now = self._clock()
        bucket = self._buckets.get(key) or self._full(key, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at_s) * self._per_s)
        bucket.at_s = now
        if bucket.tokens < 1:
            return math.ceil((1 - bucket.tokens) / self._per_s)
        bucket.tokens -= 1
        return 0

    def _full(self, key: bytes, now: float) -> _Bucket:
        if len(self._buckets) >= _MOST_BUCKETS:
            self._buckets.clear()
        bucket = self._buckets[key] = _Bucket(self._burst, now)
        return bucket


def too_large(most_bytes: int) -> HTTPException:
    """What a body over the limit gets; the connection is closed, so that the rest of it is not read."""
    message = f"the body is larger than the {most_bytes:,} bytes allowed; send it in parts"
    return HTTPException(413, message, {"connection": "close"})


def limited(receive: Receive, most_bytes: int) -> Receive:
    """A ``receive`` that gives a body of at most so many bytes, whatever its length was said to be.

    Raises:
        HTTPException: 413, when the limit is passed.
    """
    n_bytes = 0

    async def counting() -> Message:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > most_bytes:
            raise too_large(most_bytes)
        return message

    return counting
