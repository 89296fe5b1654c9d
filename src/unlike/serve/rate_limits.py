"""Rate limits: requests per second of a key, of a tenant, and of an address without a valid key."""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

_MAX_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class Rates:
    """A token bucket for each caller.

    Args:
        per_s: Tokens added per second; None for no limit.
        burst: Tokens of a full bucket.
        clock: Monotonic, in seconds.
    """

    def __init__(self, per_s: float | None, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[Hashable, _Bucket] = {}

    def take(self, caller: Hashable, tokens: int = 1) -> int:
        """Count a request.

        Args:
            caller: Whose request it is.
            tokens: 0 to only check whether a request would be allowed.

        Returns:
            0 if it is allowed, otherwise the seconds after which to try again.
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
        if len(self._buckets) >= _MAX_BUCKETS:
            self._buckets.clear()
        bucket = self._buckets[caller] = _Bucket(self._burst, now)
        return bucket
