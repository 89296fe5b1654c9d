"""Whose request it is: keys are sent as ``Authorization: Bearer unlike_…`` and looked up by their hash.

A valid key is cached for some seconds, so most requests need no query and a revoked key still stops soon, as does everything
once the store has another master key, whatever else is cached. The time of
a refusal reveals nothing: what is compared is a SHA-256 of 256 random bits.
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass

from unlike.store import api_keys
from unlike.store.api_keys import Caller
from unlike.store.database import Store

SCHEME = "bearer"
_MAX_KEYS = 10_000
"""Cached at once."""


@dataclass(frozen=True, slots=True)
class _Lookup:
    found: asyncio.Task[Caller | None]
    until: float


class Keys:
    """Finds the caller of a request.

    Args:
        store: Knows the keys.
        cache_s: How long a valid key is cached.
    """

    def __init__(self, store: Store, cache_s: float) -> None:
        self._store = store
        self._cache_s = cache_s
        self._lookups: dict[bytes, _Lookup] = {}

    async def caller(self, authorization: str) -> Caller | None:
        """The caller who sent this header; None if it holds no valid key.

        Raises:
            InputError: The database cannot be used, or got another master key.
        """
        key = _key_in(authorization)
        if not key:
            return None
        digest = hashlib.sha256(key.encode()).digest()
        found = await self._found(key, digest)
        if found is None or (found.expires_ms is not None and found.expires_ms <= self._store.now_ms()):
            return None
        return found

    def knows(self, authorization: str) -> bool:
        """Whether the key in this header was valid when it was last looked up, or is being looked up just now."""
        return hashlib.sha256(_key_in(authorization).encode()).digest() in self._lookups

    async def _found(self, key: str, digest: bytes) -> Caller | None:
        lookup = self._lookups.get(digest)
        if lookup is None or lookup.until <= time.monotonic():
            lookup = self._look_up(key, digest)
        # Shielded: several requests may wait for the same lookup, and one that is cancelled must not cancel it.
        return await asyncio.shield(lookup.found)

    def _look_up(self, key: str, digest: bytes) -> _Lookup:
        """Query the database, once for all waiting requests; only valid keys stay in the cache."""

        def forget_invalid(found: asyncio.Task[Caller | None]) -> None:
            valid = not found.cancelled() and found.exception() is None and found.result() is not None
            if not valid and self._lookups.get(digest) is lookup:
                del self._lookups[digest]

        if len(self._lookups) >= _MAX_KEYS:
            self._lookups.clear()
        asked = asyncio.create_task(asyncio.to_thread(api_keys.find, self._store, key))
        lookup = self._lookups[digest] = _Lookup(asked, time.monotonic() + self._cache_s)
        asked.add_done_callback(forget_invalid)
        return lookup


def _key_in(authorization: str) -> str:
    scheme, _, key = authorization.partition(" ")
    return key if scheme.lower() == SCHEME and key.startswith(api_keys.PREFIX) else ""
