"""Whose request it is: keys are sent as ``Authorization: Bearer unlike_…`` and looked up by their hash.

A key found valid is remembered for seconds, so a request costs no query and a revoked key still stops soon. There is
nothing to learn from how long a refusal takes: what is compared is a SHA-256 of 256 random bits.
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass

from unlike.store import api_keys
from unlike.store.database import Store, Tenant

SCHEME = "bearer"
_MOST_KEYS = 10_000
"""Remembered at once."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request.

    Attributes:
        tenant: Whose data it is about.
        key: Digest of the key, to count its requests.
    """

    tenant: Tenant
    key: bytes


@dataclass(frozen=True, slots=True)
class _Lookup:
    found: "asyncio.Task[Tenant | None]"
    until: float


class Keys:
    """Finds the caller of a request.

    Args:
        store: Knows the keys.
        cache_s: How long a valid key is remembered.
    """

    def __init__(self, store: Store, cache_s: float) -> None:
        self._store = store
        self._cache_s = cache_s
        self._lookups: dict[bytes, _Lookup] = {}

    async def caller(self, authorization: str) -> Caller | None:
        """Who sent this header; None where it holds no valid key.

        Raises:
            InputError: The database cannot be asked.
        """
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != SCHEME or not key.startswith(api_keys.PREFIX):
            return None
        digest = hashlib.sha256(key.encode()).digest()
        tenant = await self._tenant(key, digest)
        return Caller(tenant, digest) if tenant else None

    async def _tenant(self, key: str, digest: bytes) -> Tenant | None:
        lookup = self._lookups.get(digest)
        if lookup is None or lookup.until <= time.monotonic():
            lookup = self._look_up(key, digest)
        # Others may wait for the same answer, so one who leaves must not take it away from them.
        return await asyncio.shield(lookup.found)

    def _look_up(self, key: str, digest: bytes) -> _Lookup:
        """Ask the database, once for all who wait; only what is found valid is remembered."""

        def forget_invalid(found: "asyncio.Task[Tenant | None]") -> None:
            valid = not found.cancelled() and found.exception() is None and found.result() is not None
            if not valid and self._lookups.get(digest) is lookup:
                del self._lookups[digest]

        if len(self._lookups) >= _MOST_KEYS:
            self._lookups.clear()
        asked = asyncio.create_task(asyncio.to_thread(api_keys.tenant_of, self._store, key))
        lookup = self._lookups[digest] = _Lookup(asked, time.monotonic() + self._cache_s)
        asked.add_done_callback(forget_invalid)
        return lookup
