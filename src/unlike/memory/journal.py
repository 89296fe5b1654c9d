"""The journal of a service: in the store, sealed, and erased with the people whose words are in it.

A call takes long, so its answer is stored only if all users whose words are in the prompt still agree: the user whom it
is for to the use of own records, all others to being compared.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from unlike.llm.journal import Call, Entry
from unlike.store import journal, records, users
from unlike.store.database import Tenant, TransactionConflict, Tx
from unlike.store.people import people_of
from unlike.store.records import Unknown


class StoredJournal:
    """What ``llm.recorded.RecordedLLM`` remembers with: calls that build profiles, never a request's text.

    Args:
        tenant: Whose calls.
        subject: Number of the user whose profile is built.
    """

    def __init__(self, tenant: Tenant, subject: int) -> None:
        self._tenant = tenant
        self._subject = subject

    def get(self, key: str) -> Entry | None:
        """What is known about a call."""
        with self._tenant.read() as tx:
            found = journal.get(tx, key)
        return Entry(**found) if found else None

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Commit what came of a call.

        Raises:
            TransactionConflict: A user whose words are in the call was erased meanwhile, or no longer agrees.
        """
        kept = await asyncio.to_thread(self._put, key, {"model": model, "step": call.step}, call, asdict(entry))
        return Entry(**kept)

    async def link(self, key: str, record_ids: Iterable[str]) -> None:
        """Nothing to note: an equal prompt holds equal words, and its answer goes with those who were asked with first."""

    def _put(self, key: str, asked: dict[str, str], call: Call, answer: dict[str, Any]) -> dict[str, Any]:
        with self._tenant.write() as tx:
            try:
                self._check(tx, call.record_ids)
                return journal.put(tx, key, asked, call.record_ids, answer)
            except Unknown as error:
                raise TransactionConflict(str(error)) from error

    def _check(self, tx: Tx, record_ids: tuple[str, ...]) -> None:
        """Check that all users still agree, and lock that until the answer is stored."""
        read = records.with_ids(tx, record_ids)
        own = [stored.number for stored in read if stored.user == self._subject]
        people_of(tx, own, compared=[stored.number for stored in read if stored.user != self._subject])
        if own and self._subject not in users.agreeing(tx, [self._subject]):
            raise TransactionConflict("own records may not be used any more; what was asked with them is not kept")
