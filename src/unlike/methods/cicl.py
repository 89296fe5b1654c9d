"""CICL: contrastive in-context learning (Gao and Das, 2024), as DPL's appendix B adapts it.

Beside each retrieved record stands, as a counterexample, what a random other user wrote about the same item. The
papers leave room here; appendix B speaks of one own and one other review, we give each key record its pair.
"""

import hashlib
from collections.abc import Sequence

from unlike.methods.kit import Kit, Outcome
from unlike.methods.steps import ask, generate, others_on, own_passages, read_history, retrieve
from unlike.methods.trace import outcome
from unlike.prompts.prompt import Ask, own_record
from unlike.records import Case, Record


async def cicl(case: Case, kit: Kit) -> Outcome:
    """Retrieve N own records, pair each with another's on its item, summarise the contrast, write."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    if not past:
        return outcome(await generate(case, kit), kit.settings, history)
    negatives = {record.id: negative_of(record, case, kit) for record in past}
    others = [
        own_record(negative, kit.records.item(negative.item_id), "others")
        for negative in negatives.values()
        if negative
    ]
    profile = await ask(Ask("contrast", (*own_passages(past, kit), *others)), kit)
    draft = await generate(case, kit, past, profile)
    pairs = {record_id: negative.id for record_id, negative in negatives.items() if negative}
    return outcome(draft, kit.settings, history, past, profile=profile, counterexamples=pairs)


def negative_of(record: Record, case: Case, kit: Kit) -> Record | None:
    """A random record of another user on the same item; None where nobody else wrote about it."""
    return _draw(record, others_on(record.item_id, case, kit), kit.settings.seed)


def _draw(record: Record, others: Sequence[Record], seed: int) -> Record | None:
    def lot(other: Record) -> bytes:
        return hashlib.sha256(f"{seed}\0{record.id}\0{other.id}".encode()).digest()

    return min(others, key=lot, default=None)
