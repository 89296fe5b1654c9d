"""All that is held about a user, in plain words, for that user."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Select, select, union

from unlike.records import Record
from unlike.store import audit, differences, journal, profiles, users
from unlike.store.database import Tx
from unlike.store.differences import StoredDifference
from unlike.store.items import items_told_by
from unlike.store.journal import KeptPrompt
from unlike.store.profiles import StoredProfile
from unlike.store.records import read
from unlike.store.tables import EMBEDDINGS, JOBS, JOURNAL, JOURNAL_READS, JOURNAL_SOURCES, RECORDS


def everything_about(tx: Tx, user: int, user_id: str) -> dict[str, Any]:
    """Records, words about items, differences, profiles, pins, consent, jobs, prompts and audit lines of a user, JSON-able.

    Differences and profiles are given as they stand, earlier ones too; of others' words they hold what the LLM made of them.
    Kept prompts with words of others, other than through a profile, are listed without their messages, and not decrypted.
    """
    consent = users.consent_of(tx, user)
    mine = read(tx, RECORDS.c.user == user)
    numbers = {stored.number: stored.record.id for stored in mine}
    encoders = _encoders(tx, user)
    created = select(RECORDS.c.id, RECORDS.c.created_ms).where(RECORDS.c.tenant == tx.tenant, RECORDS.c.user == user)
    created_ms = {number: at_ms for number, at_ms in tx.conn.execute(created)}
    return {
        "user_id": user_id,
        "consent": {"own": consent.own, "peer": consent.peer},
        "consents": users.consents_of(tx, user),
        "records": [
            _record(stored.record)
            | {"created_ms": created_ms[stored.number], "embedded_by": encoders.get(stored.number, [])}
            for stored in mine
        ],
        "items": items_told_by(tx, user),
        "differences": [_difference(found, numbers) for found in differences.every_one_of(tx, numbers)],
        "profiles": [_profile(stored, numbers) for stored in profiles.every_version(tx, user)],
        "pins": [statement.text for statement, _ in profiles.pinned(tx, user)],
        "jobs": [dict(row) for row in tx.conn.execute(_jobs(tx, user)).mappings()],
        "n_llm_calls": _n_calls(tx, user),
        "prompts": [_prompt(kept) for kept in journal.prompts_of(tx, user, with_others=False)],
        "audit": audit.about(tx, user_id),
    }


def _encoders(tx: Tx, user: int) -> dict[int, list[str]]:
    """Names of the encoders that made vectors of a user's records, by record number."""
    made = select(EMBEDDINGS.c.record, EMBEDDINGS.c.encoder).join(RECORDS, RECORDS.c.id == EMBEDDINGS.c.record)
    mine = (RECORDS.c.tenant == tx.tenant) & (RECORDS.c.user == user)
    found: dict[int, list[str]] = {}
    for number, encoder in tx.conn.execute(made.where(mine).order_by(EMBEDDINGS.c.encoder)):
        found.setdefault(number, []).append(encoder)
    return found


def _record(record: Record) -> dict[str, Any]:
    return {
        "record_id": record.id,
        "item_id": record.item_id,
        "title": record.title,
        "text": record.text,
        "rating": record.rating,
        "timestamp": record.timestamp,
    }


def _difference(found: StoredDifference, numbers: dict[int, str]) -> dict[str, Any]:
    difference = found.difference
    about = {"record_id": numbers[difference.record], "text": difference.text, "n_peers": difference.n_peers}
    return about | {"current": found.current}


def _profile(stored: StoredProfile, numbers: dict[int, str]) -> dict[str, Any]:
    return {
        "version": stored.version,
        "origin": stored.profile.origin,
        "current": stored.current,
        "created_ms": stored.created_ms,
        "statements": [
            {
                "text": statement.text,
                "record_ids": [numbers[number] for number in statement.records if number in numbers],
                "n_peers": statement.n_peers,
                "origin": statement.origin,
                "pinned": statement.pinned,
            }
            for statement in stored.profile.statements
        ],
    }


def _prompt(kept: KeptPrompt) -> dict[str, Any]:
    return asdict(kept) | {"messages": None if kept.shows_others else list(kept.messages)}


def _n_calls(tx: Tx, user: int) -> int:
    """Stored calls for the user, and for others with records of the user or what the user told of items."""
    mine = (RECORDS.c.tenant == tx.tenant) & (RECORDS.c.user == user)
    read = select(JOURNAL_READS.c.call).join(RECORDS, RECORDS.c.id == JOURNAL_READS.c.record).where(mine)
    described = select(JOURNAL_SOURCES.c.call).where(JOURNAL_SOURCES.c.user == user)
    own = select(JOURNAL.c.id).where(JOURNAL.c.tenant == tx.tenant, JOURNAL.c.user == user)
    return len(tx.conn.scalars(union(own, read, described)).all())


def _jobs(tx: Tx, user: int) -> Select[*tuple[Any, ...]]:
    columns = (JOBS.c.kind, JOBS.c.state, JOBS.c.run_at_ms, JOBS.c.error)
    return select(*columns).where(JOBS.c.tenant == tx.tenant, JOBS.c.kind == "build", JOBS.c.subject == user)
