"""Calls of LLMs, sealed under the keys of all whose words were in the prompt.

The answer of a call that builds a profile is kept under the hash of its prompt; the prompt of any call is kept too where the
settings say so. Nothing is kept if words in the prompt were withdrawn while the call was running. A stored call is deleted
when the first person whose words are in it is erased or withdraws consent, or when the profile in its prompt is deleted.
Users who described an item count only where the prompt is kept, since their words are not in the answer.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, Select, delete, func, or_, select

from unlike.records import Item
from unlike.store.database import TransactionConflict, Tx
from unlike.store.items import describers_of
from unlike.store.people import people_of
from unlike.store.records import Unknown, numbers_of
from unlike.store.tables import JOURNAL, JOURNAL_READS, JOURNAL_SOURCES, PROFILES, RECORDS, USERS

WORDS = ("text", "error", "raw")
"""What of an answer is sealed."""
FACTS = ("state", "prompt_tokens", "completion_tokens", "finish_reason", "wall_s", "attempts")
"""What of an answer is not."""


@dataclass(frozen=True, slots=True)
class CallToStore:
    """A call of an LLM as the store keeps it, beside its answer.

    Attributes:
        user: Number of the user for whom it was made.
        model: Engine and model.
        step: Of the method.
        record_ids: Records whose words were in the prompt.
        profile: Number of the profile that was in the prompt, with all records behind it; None for no profile.
        prompt: Role and content of its messages, if they are to be kept.
        items: Stored items whose titles and descriptions are in the messages, as they were when these were made.
    """

    user: int
    model: str
    step: str
    record_ids: Sequence[str]
    profile: int | None = None
    prompt: Sequence[Mapping[str, str]] | None = None
    items: Sequence[Item] = ()


@dataclass(frozen=True, slots=True)
class KeptPrompt:
    """A prompt that was kept.

    Attributes:
        shows_others: Whether words of others are in it other than through a profile: records, or descriptions of items.
        messages: Role and content of each message; empty if the prompt was not decrypted.
    """

    step: str
    model: str
    created_ms: int
    shows_others: bool
    messages: tuple[dict[str, str], ...]


def get(tx: Tx, key: str) -> dict[str, Any] | None:
    """An answer with its words and facts; None where nothing was asked."""
    asked = select(JOURNAL).where(JOURNAL.c.tenant == tx.tenant, JOURNAL.c.key == key)
    row = tx.conn.execute(asked).mappings().first()
    if row is None:
        return None
    words = tx.keys.unseal(tx.conn, row["people"], row["sealed"], place_of(tx, key))
    return words | {name: row[name] for name in FACTS}


def put(tx: Tx, key: str, call: CallToStore, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Keep an answer; one that is done already stays. Returns what is kept now.

    The prompt is left out if a user who described an item in it no longer agrees, or if the item's text has changed.

    Args:
        tx: An open transaction.
        key: Of the call.
        call: What was asked.
        answer: WORDS and FACTS.

    Raises:
        Unknown: A record is gone.
        TransactionConflict: A record is going just now, or a user no longer agrees to be compared.
    """
    before = get(tx, key)
    if before is not None and before["state"] == "done":
        return before
    kept = dict(answer) | {"attempts": answer["attempts"] + (before["attempts"] if before else 0)}
    tx.conn.execute(delete(JOURNAL).where(JOURNAL.c.tenant == tx.tenant, JOURNAL.c.key == key))
    describers = _describers(tx, call)
    if describers is None:
        call, describers = replace(call, prompt=None), set[int]()
    _insert(tx, key, call, describers, kept)
    return kept


def keep_prompt(tx: Tx, call: CallToStore) -> None:
    """Keep the prompt of a call whose answer is not kept; its key is random, so that nothing can be guessed from a hash.

    Raises:
        Unknown: A record or the profile is gone.
        TransactionConflict: As ``put``; or a user who described an item in it no longer agrees, or the item's text has changed.
    """
    describers = _describers(tx, call)
    if describers is None:
        raise TransactionConflict("an item in this prompt is no longer described as it was; the prompt is not kept")
    _insert(tx, secrets.token_hex(32), call, describers, None)


def last_answer_ms(tx: Tx) -> int | None:
    """When the latest answer of a build came; None where there is none."""
    latest = select(JOURNAL.c.created_ms).where(JOURNAL.c.tenant == tx.tenant, JOURNAL.c.state == "done")
    return tx.conn.scalar(latest.order_by(JOURNAL.c.id.desc()).limit(1))


def prompts_of(
    tx: Tx, user: int, offset: int = 0, limit: int | None = None, *, with_others: bool = True
) -> list[KeptPrompt]:
    """Kept prompts of calls for a user, the latest first.

    Args:
        tx: An open transaction.
        user: Number of the user.
        offset: Prompts to skip.
        limit: Maximum number of prompts; None for all.
        with_others: Whether prompts that show others' words are decrypted too.
    """
    read_others = (
        select(JOURNAL_READS.c.id)
        .join(RECORDS, RECORDS.c.id == JOURNAL_READS.c.record)
        .where(JOURNAL_READS.c.call == JOURNAL.c.id, RECORDS.c.user != user)
    )
    described = select(JOURNAL_SOURCES.c.id).where(JOURNAL_SOURCES.c.call == JOURNAL.c.id)
    shows_others = or_(read_others.exists(), described.exists())
    columns = (JOURNAL.c[name] for name in ("step", "model", "created_ms", "key", "people", "prompt"))
    query = _with_prompt(tx, user, *columns, shows_others.label("others")).order_by(JOURNAL.c.id.desc())
    return [
        KeptPrompt(
            step=row.step,
            model=row.model,
            created_ms=row.created_ms,
            shows_others=bool(row.others),
            messages=_messages(tx, row) if with_others or not row.others else (),
        )
        for row in tx.conn.execute(query.offset(offset).limit(limit))
    ]


def n_prompts(tx: Tx, user: int) -> int:
    """How many prompts of calls for a user are kept."""
    return tx.conn.scalars(_with_prompt(tx, user, func.count(JOURNAL.c.id))).one()


def place_of(tx: Tx, key: str) -> str:
    """What the words of a call are bound to."""
    return f"call {tx.tenant} {key}"


def place_of_prompt(tx: Tx, key: str) -> str:
    """What the prompt of a call is bound to."""
    return f"prompt {tx.tenant} {key}"


def _with_prompt(tx: Tx, user: int, *columns: Any) -> Select[*tuple[Any, ...]]:  # noqa: ANN401 - columns and tables
    return select(*columns).where(JOURNAL.c.tenant == tx.tenant, JOURNAL.c.user == user, JOURNAL.c.prompt.is_not(None))


def _messages(tx: Tx, row: Row[*tuple[Any, ...]]) -> tuple[dict[str, str], ...]:
    return tuple(tx.keys.unseal(tx.conn, row.people, row.prompt, place_of_prompt(tx, row.key))["messages"])


def _insert(tx: Tx, key: str, call: CallToStore, describers: set[int], answer: Mapping[str, Any] | None) -> None:
    stored = numbers_of(tx, call.record_ids)
    if len(stored) < len(set(call.record_ids)):
        raise Unknown("records of this call were erased while it was under way; it is not kept")
    own = [number for number, user in stored.items() if user == call.user]
    read = people_of(tx, own, compared=stored.keys() - own)
    people = sorted({call.user, *read, *_behind_profile(tx, call.profile), *describers})
    row = {
        "key": key,
        "user": call.user,
        "profile": call.profile,
        "model": call.model,
        "step": call.step,
        "people": people,
        "created_ms": tx.now_ms,
    }
    if answer is not None:
        words = {name: answer[name] for name in WORDS}
        row |= {name: answer[name] for name in FACTS}
        row |= {"sealed": tx.keys.seal(tx.conn, people, words, place_of(tx, key))}
    if call.prompt is not None:
        row |= {"prompt": tx.keys.seal(tx.conn, people, {"messages": call.prompt}, place_of_prompt(tx, key))}
    number = tx.inserted(JOURNAL, row)
    reads = [{"tenant": tx.tenant, "call": number, "record": record} for record in stored]
    if reads:
        tx.conn.execute(JOURNAL_READS.insert(), reads)
    if describers:
        rows = [{"tenant": tx.tenant, "call": number, "user": user} for user in sorted(describers)]
        tx.conn.execute(JOURNAL_SOURCES.insert(), rows)


def _describers(tx: Tx, call: CallToStore) -> set[int] | None:
    """Other users whose titles and descriptions of items are in a prompt to be kept; they are locked until the end of tx.

    None where an item is described otherwise by now, or one of these users no longer agrees to the use of own records:
    then it cannot be said whose words they are, or they may not be kept.
    """
    if call.prompt is None:
        return set()
    found = describers_of(tx, call.items)
    if found is None:
        return None
    others = found - {call.user}
    agreeing = select(USERS.c.id).where(USERS.c.tenant == tx.tenant, USERS.c.id.in_(others), USERS.c.own)
    held = set(tx.conn.scalars(agreeing.with_for_update(read=True))) if others else set[int]()
    return others if held == others else None


def _behind_profile(tx: Tx, profile: int | None) -> list[int]:
    """The people whose words a profile goes back to; it is locked until the transaction ends."""
    if profile is None:
        return []
    there = select(PROFILES.c.people).where(PROFILES.c.tenant == tx.tenant, PROFILES.c.id == profile)
    people = tx.conn.scalar(there.with_for_update(read=True))
    if people is None:
        raise Unknown("the profile of this call was deleted while the call was prepared; it is not kept")
    return people
