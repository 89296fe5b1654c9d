"""The journal of a service: in the store, sealed, and erased with the people whose words are in it."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from unlike.llm.journal import Call, Entry
from unlike.store import journal
from unlike.store.database import Tenant


class StoredJournal:
    """What ``llm.recorded.RecordedLLM`` remembers with: calls that build profiles, never a request's text.

    Args:
        tenant: Whose calls.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def get(self, key: str) -> Entry | None:
        """What is known about a call."""
        with self._tenant.read() as tx:
            found = journal.get(tx, key)
        return Entry(**found) if found else None

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Commit what came of a call.

        Raises:
            Unknown: A record whose words are in the call was erased meanwhile.
        """
        kept = await asyncio.to_thread(self._put, key, {"model": model, "step": call.step}, call, asdict(entry))
        return Entry(**kept)

    async def link(self, key: str, record_ids: Iterable[str]) -> None:
        """Nothing to note: equal prompts of one tenant are of equal records, or they would differ."""

    def _put(self, key: str, asked: dict[str, str], call: Call, answer: dict[str, Any]) -> dict[str, Any]:
        with self._tenant.write() as tx:
            return journal.put(tx, key, asked, call.record_ids, answer)
