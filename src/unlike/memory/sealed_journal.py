"""The journal of a service: in the store, sealed, and erased with the people whose words are in it.

A call takes long, so its answer is stored only if all users whose records are in the prompt still agree: the user whom it
is for to the use of own records, all others to being compared. The same holds for prompts that are kept; users who
described an item in such a prompt must agree too.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from unlike.llm.backend import Messages
from unlike.llm.journal import Call, Entry
from unlike.privacy.redact import Redactor
from unlike.store import journal
from unlike.store.database import Tenant, TransactionConflict
from unlike.store.journal import CallToStore
from unlike.store.people import agrees
from unlike.store.records import Unknown


class StoredJournal:
    """What ``llm.recorded.RecordedLLM`` remembers with: calls that build profiles, never a request's text.

    Args:
        tenant: Whose calls.
        subject: Number of the user whose profile is built.
        keep_prompts: Whether prompts are kept beside their answers.
    """

    def __init__(self, tenant: Tenant, subject: int, keep_prompts: bool = False) -> None:
        self._tenant = tenant
        self._subject = subject
        self._keep_prompts = keep_prompts

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
        prompt = texts_of(call.messages) if self._keep_prompts else None
        kept = CallToStore(self._subject, model, call.step, call.record_ids, prompt=prompt, items=call.items)
        return Entry(**await asyncio.to_thread(self._put, key, kept, asdict(entry)))

    async def link(self, key: str, record_ids: Iterable[str]) -> None:
        """Nothing to note: an equal prompt holds equal words, and its answer goes with those who were asked with first."""

    def _put(self, key: str, call: CallToStore, answer: dict[str, Any]) -> dict[str, Any]:
        with self._tenant.write() as tx:
            if not agrees(tx, self._subject):
                raise TransactionConflict("own records may not be used any more; what was asked with them is not kept")
            try:
                return journal.put(tx, key, call, answer)
            except Unknown as error:
                raise TransactionConflict(str(error)) from error


def keep_prompt(tenant: Tenant, call: CallToStore) -> None:
    """Keep the prompt of a text, if its user agrees to the use of own records.

    Raises:
        Unknown: A record or the profile in it was deleted meanwhile.
        TransactionConflict: Someone whose words are in it was erased meanwhile, or no longer agrees.
    """
    with tenant.write(durable=False) as tx:
        if agrees(tx, call.user):
            journal.keep_prompt(tx, call)


def texts_of(messages: Messages, redactor: Redactor | None = None) -> list[dict[str, str]]:
    """Role and text of each message, without identifiers; of images and other parts only the kind."""
    texts = ((str(message.get("role", "")), _text_of(message.get("content"))) for message in messages)
    return [{"role": role, "content": redactor.redact(text).text if redactor else text} for role, text in texts]


def _text_of(content: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(content, str):
        return content
    parts: Sequence[Any] = content if isinstance(content, list) else ()
    return "\n".join(str(part.get("text") or f"[{part.get('type')}]") for part in parts if isinstance(part, Mapping))
