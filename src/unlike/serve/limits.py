"""How many requests a second somebody may make: a key, a tenant, or the address of those without a valid key."""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

_MOST_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class Rates:
    """A token bucket for each caller.

    Args:
        per_s: Tokens that come back each second; None for no limit.
        burst: Tokens of a full bucket.
        clock: Seconds that only grow.
    """

    def __init__(self, per_s: float | None, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[Hashable, _Bucket] = {}

    def take(self, caller: Hashable, tokens: int = 1) -> int:
        """Count a request.

        Args:
            caller: Whose.
            tokens: 0 to only look whether there is one left.

        Returns:
            0 where it may go on, else the seconds after which to try again.
        """
        if self._per_s is None:
            return 0
        now = self._clock()
        bucket = self._buckets.get(caller) or self._full(caller, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at_s) * self._per_s)
        bucket.at_s = now
        if bucket.tokens < 1:
            return math.ceil((1 - bucket.tokens) / self._per_s)
        bucket.tokens -= tokens
        return 0

    def _full(self, caller: Hashable, now: float) -> _Bucket:
        if len(self._buckets) >= _MOST_BUCKETS:
            self._buckets.clear()
        bucket = self._buckets[caller] = _Bucket(self._burst, now)
        return bucket
