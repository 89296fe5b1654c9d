"""The job of a user: compare the key records, summarise, and keep the profile with its lineage (DPL, ahead of requests).

What did not change is not asked for again: a difference that would be found as it is stays, and a profile that would say
what it says stays. All effects are committed with the end of the job; where someone whose words were read has gone or
withdrawn meanwhile, nothing is kept and the job is done again.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace

from unlike.embed.encoder import Encoder
from unlike.memory.keep import Found, covers, keep
from unlike.memory.material import Compared, Material, read
from unlike.memory.private import STEP, extract_in_private
from unlike.memory.settings import MemorySettings
from unlike.memory.statements import Source, statements_of
from unlike.methods.kit import Kit
from unlike.methods.steps import Difference, ask, difference_passage, extract, own_passages, standard
from unlike.prompts.prompt import Ask
from unlike.store import jobs
from unlike.store.jobs import Job
from unlike.writing.draft import Reply


async def build_profile(job: Job, kit: Kit, encoder: Encoder, settings: MemorySettings) -> None:
    """Do the job and end it.

    Raises:
        LeaseLost: Another worker has it by now.
        Changed: Items of its records are still being clustered.
        Outrun: Someone whose words were read is gone, or does not agree any more; nothing was kept.
        CallFailed: An LLM call failed.
        EngineError: The LLM cannot be used.
    """
    material = await asyncio.to_thread(_read, job, encoder, settings)
    made_with = _made_with(kit, settings)
    if material is None or _is_built(material, made_with):
        await asyncio.to_thread(_finish_only, job)
        return
    found = await _differences(material, made_with, kit, settings)
    summary = await _summarise(material, found, kit)
    sources = _sources(material, found)
    statements = await asyncio.to_thread(statements_of, summary, sources, encoder, settings.allowed)
    await asyncio.to_thread(keep, job, material, found, statements, made_with)


def _read(job: Job, encoder: Encoder, settings: MemorySettings) -> Material | None:
    with job.tenant.read() as tx:
        return read(tx, job.subject, encoder, settings)


def _is_built(material: Material, made_with: str) -> bool:
    """Whether the profile in force was made from just this."""
    current = material.current
    if current is None or current.stale or not all(one.still_holds(made_with) for one in material.compared):
        return False
    used = {one.before.number for one in material.compared if one.before}
    return covers(current.profile, material) and used <= set(current.profile.differences)


async def _differences(material: Material, made_with: str, kit: Kit, settings: MemorySettings) -> list[Found]:
    """All differences of the key records, in their order: those that still hold, and those the LLM finds now."""
    missing = [one for one in material.compared if not one.still_holds(made_with)]
    if settings.private:
        found = await extract_in_private([(one.comparison, one.groups) for one in missing], kit)
    else:
        found = await extract([one.comparison for one in missing], kit)
    new = {difference.comparison.record.id: difference for difference in found}
    return [(one, new.get(one.own.record.id) or _again(one)) for one in material.compared]


def _again(one: Compared) -> Difference:
    """A difference that is there, as a step would have given it."""
    assert one.before is not None
    return Difference(one.comparison, Reply(one.before.difference.text, {}, one.made_from))


async def _summarise(material: Material, found: Sequence[Found], kit: Kit) -> Reply:
    """Equation 3, as ``methods.steps.summarise``; groups of which only figures were shown count with all their people."""
    shown = [replace(difference_passage(difference), n_others=one.n_shown) for one, difference in found]
    past = await asyncio.to_thread(own_passages, [stored.record for stored in material.past], kit)
    return await ask(Ask("summary", (*shown, *past), dimensions=standard(kit) if found else ()), kit)


def _sources(material: Material, found: Sequence[Found]) -> list[Source]:
    """What a statement may come from."""
    compared = [Source(difference.reply.text, one.own.number, one.against.n_peers) for one, difference in found]
    return [*compared, *(Source(stored.record.text, stored.number) for stored in material.past)]


def _finish_only(job: Job) -> None:
    with job.tenant.write() as tx:
        jobs.finish(tx, job)


def _made_with(kit: Kit, settings: MemorySettings) -> str:
    """What a difference depends on beside its records."""
    step = STEP if settings.private else "difference"
    parts = (kit.llm.backend.model, kit.task.sources[step], kit.task.words, standard(kit), settings.method)
    return hashlib.sha256(repr((*parts, settings.fewest_peers)).encode()).hexdigest()
