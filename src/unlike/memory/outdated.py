"""Profiles that were made under other settings than those in force: builds and the service queue them once, at their start.

A profile remembers a digest of what it was made with; its first half is of the settings and the task alone, so that commands
without an LLM can compare it.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from unlike.memory.private_comparison import STEP
from unlike.memory.settings import MemorySettings
from unlike.prompts.task import Task
from unlike.settings import MethodSettings
from unlike.store import jobs, profiles, records
from unlike.store.batches import rows_with
from unlike.store.database import Tx
from unlike.store.tables import RECORDS
from unlike.store.users import find_user

if TYPE_CHECKING:
    from unlike.memory.memory import Memory

HALF = 32
"""Hexadecimal digits of each half of a digest."""


def made_with(model: str, encoder: str, task: Task, settings: MemorySettings) -> str:
    """Digest of what a profile depends on beside its records.

    Args:
        model: Name of the LLM.
        encoder: Name of the encoder.
        task: Words and templates.
        settings: Of the memory.
    """
    return made_under(task, settings) + _digest(model, encoder)


def in_force(memory: "Memory") -> str:
    """Digest of what a memory makes profiles with."""
    return made_with(memory.backend.model, memory.encoder.name, memory.task, memory.settings)


def made_under(task: Task, settings: MemorySettings) -> str:
    """The half of the digest that no LLM and no encoder is in."""
    templates = task.sources[comparing_step(settings)], task.sources["summary"]
    standard = task.standard(settings.method.dimensions)
    chosen = settings.min_peers, settings.key_records
    kept = settings.allowed, settings.on_repeat, settings.repeat_words
    return _digest(*templates, task.words, standard, of_builds(settings.method), *chosen, *kept)


def comparing_step(settings: MemorySettings) -> str:
    """The step that compares a record with others'."""
    return STEP if settings.private else "difference"


def of_builds(method: MethodSettings) -> MethodSettings:
    """The settings that a build depends on: ``layout`` is of requests."""
    return method.but(layout="turns")


def queue_outdated(memory: "Memory", *, models: bool) -> int:
    """Queue the profiles that were made under other settings, with the items of their users; returns how many profiles.

    Args:
        memory: With the settings in force.
        models: Whether profiles by another LLM or encoder are outdated too; to rebuild them is for somebody to decide.
    """
    now = in_force(memory) if models else made_under(memory.task, memory.settings)

    with memory.tenant.read() as tx:
        found = profiles.outdated(tx, now, private=memory.settings.private)
        items = _items_of(tx, found)

    def queue(tx: Tx) -> None:
        profiles.mark_stale(tx, found)
        jobs.enqueue(tx, "cluster", items, tx.now_ms)
        jobs.enqueue(tx, "build", found, tx.now_ms + 1)

    if found:
        memory.tenant.run_with_retry(queue)
    return len(found)


def n_built_otherwise(memory: "Memory", user_ids: Sequence[str]) -> int:
    """How many profiles are outdated with no job left to rebuild them: another process did it, with other settings or models.

    Args:
        memory: With the settings and models in force.
        user_ids: Only these users'; () for all.
    """
    minimum = max(memory.settings.min_records, 1)
    with memory.tenant.read() as tx:
        asked = [find_user(tx, user_id) for user_id in user_ids]
        found = set(profiles.outdated(tx, in_force(memory), private=memory.settings.private)) - jobs.subjects(
            tx, "build"
        )
        return sum((not asked or user in asked) and records.count(tx, user) >= minimum for user in found)


def _items_of(tx: Tx, users: Sequence[int]) -> list[int]:
    written = select(RECORDS.c.item).where(RECORDS.c.tenant == tx.tenant).distinct()
    return [item for (item,) in rows_with(tx, written, RECORDS.c.user, users)]


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:HALF]
