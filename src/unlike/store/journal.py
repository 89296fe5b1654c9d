"""Calls of LLMs, sealed under the keys of all whose records were in the prompt.

Of a call that builds a profile the answer is kept, under the hash of what was asked; of a request's call at most the
prompt. Where one of these people is erased while the call is under way, nothing is kept; afterwards it goes with the first
of them, with the profile that is in the prompt, and with whoever described an item in it.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, or_, select

from unlike.store.database import Tx
from unlike.store.people import people_of
from unlike.store.records import Unknown, with_ids
from unlike.store.tables import ITEMS, JOURNAL, JOURNAL_READS, JOURNAL_SOURCES, PROFILES, RECORDS, USERS

WORDS = ("text", "error", "raw")
"""What of an answer is sealed."""
FACTS = ("state", "prompt_tokens", "completion_tokens", "finish_reason", "wall_s", "attempts")
"""What of an answer is not."""
_NO_ANSWER: Mapping[str, Any] = (
    dict.fromkeys(WORDS, "") | dict.fromkeys(FACTS, 0) | {"state": "sent", "finish_reason": ""}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is kept of a question to an LLM.

    Attributes:
        user: Number of the user for whom it was asked.
        model: Engine and model.
        step: Of the method.
        record_ids: Records whose words were in the prompt.
        profile: Number of the profile that was in the prompt, with all records behind it; None for no profile.
        item_id: Of the stored item that the prompt was about, beside those of the records; "" for no other.
        prompt: Role and content of its messages, if they are to be kept.
    """

    user: int
    model: str
    step: str
    record_ids: Sequence[str]
    profile: int | None = None
    item_id: str = ""
    prompt: Sequence[Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class KeptPrompt:
    """A prompt that was kept.

    Attributes:
        shows_others: Whether records of others were read for it other than through a profile.
        messages: Role and content of each message.
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


def put(tx: Tx, key: str, asked: Asked, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Keep an answer; one that is done already stays. Returns what is kept now.

    Args:
        tx: An open transaction.
        key: Of the call.
        asked: What was asked.
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
    _insert(tx, key, asked, kept)
    return kept


def keep_prompt(tx: Tx, asked: Asked) -> None:
    """Keep the prompt of a call whose answer is not kept; its key is random, so that nothing can be guessed from a hash.

    Raises:
        Unknown: A record or the profile is gone.
        TransactionConflict: As ``put``.
    """
    _insert(tx, secrets.token_hex(32), asked, _NO_ANSWER)


def prompts_of(tx: Tx, user: int, offset: int = 0, limit: int | None = None) -> list[KeptPrompt]:
    """Kept prompts of calls for a user, the latest first."""
    read_others = (
        select(JOURNAL_READS.c.id)
        .join(RECORDS, RECORDS.c.id == JOURNAL_READS.c.record)
        .where(JOURNAL_READS.c.call == JOURNAL.c.id, RECORDS.c.user != user)
        .exists()
    )
    query = _with_prompt(tx, user, JOURNAL, read_others.label("others")).order_by(JOURNAL.c.id.desc())
    found = list[KeptPrompt]()
    for row in tx.conn.execute(query.offset(offset).limit(limit)):
        prompt = tx.keys.unseal(tx.conn, row.people, row.prompt, place_of_prompt(tx, row.key))
        found.append(KeptPrompt(row.step, row.model, row.created_ms, bool(row.others), tuple(prompt["messages"])))
    return found


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


def _insert(tx: Tx, key: str, asked: Asked, answer: Mapping[str, Any]) -> None:
    stored = with_ids(tx, asked.record_ids)
    if len(stored) < len(set(asked.record_ids)):
        raise Unknown("records of this call were erased while it was under way; it is not kept")
    own = [record.number for record in stored if record.user == asked.user]
    others = [record.number for record in stored if record.user != asked.user]
    read = {asked.user, *people_of(tx, own, compared=others), *_behind_profile(tx, asked.profile)}
    sources = _sources(tx, [record.item for record in stored], asked)
    people = sorted(read | sources)
    words, prompt = {name: answer[name] for name in WORDS}, None
    if asked.prompt is not None:
        prompt = tx.keys.seal(tx.conn, people, {"messages": asked.prompt}, place_of_prompt(tx, key))
    row = {name: answer[name] for name in FACTS} | {
        "key": key,
        "user": asked.user,
        "profile": asked.profile,
        "model": asked.model,
        "step": asked.step,
        "sealed": tx.keys.seal(tx.conn, people, words, place_of(tx, key)),
        "prompt": prompt,
        "people": people,
        "created_ms": tx.now_ms,
    }
    number = tx.inserted(JOURNAL, row)
    reads = [{"tenant": tx.tenant, "call": number, "record": record.number} for record in stored]
    if reads:
        tx.conn.execute(JOURNAL_READS.insert(), reads)
    if sources:
        rows = [{"tenant": tx.tenant, "call": number, "user": user} for user in sorted(sources)]
        tx.conn.execute(JOURNAL_SOURCES.insert(), rows)


def _sources(tx: Tx, items: Sequence[int], asked: Asked) -> set[int]:
    """Other users who described an item that is in a prompt to be kept; their rows are locked until the transaction ends."""
    if asked.prompt is None:
        return set()
    shown = or_(ITEMS.c.id.in_(set(items)), ITEMS.c.item_id == asked.item_id)
    described = select(ITEMS.c.source_user).where(ITEMS.c.tenant == tx.tenant, shown)
    users = select(USERS.c.id).where(USERS.c.id.in_(described), USERS.c.id != asked.user)
    return set(tx.conn.scalars(users.with_for_update(read=True)))


def _behind_profile(tx: Tx, profile: int | None) -> list[int]:
    """The people whose words a profile goes back to; it is locked until the transaction ends."""
    if profile is None:
        return []
    there = select(PROFILES.c.people).where(PROFILES.c.tenant == tx.tenant, PROFILES.c.id == profile)
    people = tx.conn.scalar(there.with_for_update(read=True))
    if people is None:
        raise Unknown("the profile of this call was deleted while the call was prepared; it is not kept")
    return people
