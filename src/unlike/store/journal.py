"""Answers of LLMs under the hash of what was asked: sealed under the keys of all whose records were in the prompt.

Where one of these people is erased while the call is under way, the answer is not kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select

from unlike.store.database import Tx
from unlike.store.people import people_of
from unlike.store.records import Unknown, with_ids
from unlike.store.tables import JOURNAL, JOURNAL_READS

WORDS = ("text", "error", "raw")
"""What of an answer is sealed."""
FACTS = ("state", "prompt_tokens", "completion_tokens", "finish_reason", "wall_s", "attempts")
"""What of an answer is not."""


def get(tx: Tx, key: str) -> dict[str, Any] | None:
    """An answer with its words and facts; None where nothing was asked."""
    asked = select(JOURNAL).where(JOURNAL.c.tenant == tx.tenant, JOURNAL.c.key == key)
    row = tx.conn.execute(asked).mappings().first()
    if row is None:
        return None
    words = tx.keys.unseal(tx.conn, row["people"], row["sealed"], place_of(tx, key))
    return words | {name: row[name] for name in FACTS}


def put(
    tx: Tx, key: str, asked: Mapping[str, str], record_ids: Sequence[str], answer: Mapping[str, Any]
) -> dict[str, Any]:
    """Keep an answer; one that is done already stays. Returns what is kept now.

    Args:
        tx: An open transaction.
        key: Of the call.
        asked: "model" and "step".
        record_ids: Records whose words were in the prompt.
        answer: WORDS and FACTS.

    Raises:
        Unknown: A record is gone.
        TransactionConflict: A record is going just now.
    """
    before = get(tx, key)
    if before is not None and before["state"] == "done":
        return before
    stored = with_ids(tx, record_ids)
    if len(stored) < len(set(record_ids)):
        raise Unknown("records of this call were erased while it was under way; its answer is not kept")
    attempts = answer["attempts"] + (before["attempts"] if before else 0)
    people = people_of(tx, [record.number for record in stored])
    sealed = tx.keys.seal(tx.conn, people, {name: answer[name] for name in WORDS}, place_of(tx, key))
    tx.conn.execute(delete(JOURNAL).where(JOURNAL.c.tenant == tx.tenant, JOURNAL.c.key == key))
    row = {name: answer[name] for name in FACTS} | {"attempts": attempts, "sealed": sealed, "people": people}
    row["created_ms"] = tx.now_ms
    number = tx.inserted(JOURNAL, row | dict(asked) | {"key": key})
    reads = [{"tenant": tx.tenant, "call": number, "record": record.number} for record in stored]
    if reads:
        tx.conn.execute(JOURNAL_READS.insert(), reads)
    return dict(answer) | {"attempts": attempts}


def place_of(tx: Tx, key: str) -> str:
    """What the words of a call are bound to."""
    return f"call {tx.tenant} {key}"
