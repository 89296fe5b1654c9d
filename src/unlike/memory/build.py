"""The job of a user: compare the key records, summarise, and keep the profile with its lineage (DPL, ahead of requests).

Unchanged parts are reused without an LLM call: a difference whose inputs are the same stays, and so does a profile whose
statements are the same. All effects are committed with the end of the job; where someone whose words were read has gone or
withdrawn meanwhile, nothing is kept and the job is done again.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from sqlalchemy import update

from unlike.embed.encoder import Encoder
from unlike.memory import outdated
from unlike.memory.private_comparison import extract_in_private
from unlike.memory.profile_sources import Compared, Material, read
from unlike.memory.settings import MemorySettings
from unlike.memory.supported_statements import Source, statements_of
from unlike.methods.kit import Kit
from unlike.methods.steps import Difference, ask, difference_passage, extract, own_passages, standard
from unlike.privacy.repeats import Others
from unlike.prompts.prompt import Ask
from unlike.records import Record, texts_of
from unlike.store import clusterings, differences, jobs, profiles, users
from unlike.store.database import TransactionConflict, Tx
from unlike.store.differences import NewDifference
from unlike.store.jobs import Job
from unlike.store.people import people_of
from unlike.store.profiles import NewProfile, Statement
from unlike.store.tables import PROFILES
from unlike.writing.draft import Reply

Found = tuple[Compared, Difference]
"""A key record with its difference, new or reused."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a build found.

    Attributes:
        found: The key records that are compared, each with its difference.
        statements: Of the profile.
        compared_with: Digest of what the differences were made with.
        made_with: Digest of what the profile was made with.
        private: Whether nothing that goes back to others' texts may be kept.
    """

    found: Sequence[Found]
    statements: Sequence[Statement]
    compared_with: str
    made_with: str
    private: bool


async def build_profile(job: Job, kit: Kit, encoder: Encoder, settings: MemorySettings) -> None:
    """Do the job and end it.

    Raises:
        LeaseLost: Another worker has it by now.
        NotReady: Items of its records are still being clustered.
        TransactionConflict: A user whose words were read is gone, or no longer agrees; nothing was stored.
        CallFailed: An LLM call failed.
        EngineError: The LLM cannot be used.
    """
    material = await asyncio.to_thread(_read, job, encoder, settings)
    made_with = _made_with(kit, settings)
    made = outdated.made_with(kit.llm.backend.model, encoder.name, kit.task, settings)
    if material is None or _is_built(material, made_with, made):
        await asyncio.to_thread(_finish_only, job)
        return
    found = await _differences(material, made_with, kit, settings)
    summary = await _summarise(material, found, kit)
    sources = _sources(material, found)
    theirs = others_of(_peers(material.compared), settings)
    statements = await asyncio.to_thread(statements_of, summary, sources, encoder, settings.allowed, theirs)
    result = Result(found, statements, made_with, made, settings.private)
    await asyncio.to_thread(keep, job, material, result)


def _read(job: Job, encoder: Encoder, settings: MemorySettings) -> Material | None:
    with job.tenant.read() as tx:
        return read(tx, job.subject, encoder, settings)


def _is_built(material: Material, made_with: str, made: str) -> bool:
    """Whether the profile in force was made from just this."""
    current = material.current
    if current is None or current.stale or current.profile.made_with not in (made, ""):
        return False
    if not all(one.still_holds(made_with) for one in material.compared):
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
    theirs = others_of(_peers(missing), settings)
    new = {one.comparison.record.id: in_own_words(one, theirs) for one in found}
    return [(one, new.get(one.own.record.id) or _reused(one)) for one in material.compared]


def _peers(compared: Sequence[Compared]) -> Iterator[Record]:
    return (peer.record for one in compared for peer in one.peers)


def others_of(peers: Iterable[Record], settings: MemorySettings) -> Others | None:
    """What others wrote, whose words may be neither in a difference nor in a statement; None where repeats are only marked."""
    return None if settings.on_repeat == "mark" else Others(texts_of(peers), settings.repeat_words)


def in_own_words(difference: Difference, others: Others | None) -> Difference:
    """A difference with dots for what it repeats of others' texts: users may read it, and profiles are made of it."""
    text = difference.reply.text
    for run in others.runs_in(text) if others else ():
        text = text.replace(run, "[...]")
    return (
        difference if text == difference.reply.text else replace(difference, reply=replace(difference.reply, text=text))
    )


def _reused(one: Compared) -> Difference:
    """A stored difference, as a step would have returned it."""
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
    with job.tenant.write(durable=False) as tx:
        jobs.finish(tx, job)


def _made_with(kit: Kit, settings: MemorySettings) -> str:
    """What a difference depends on beside its records."""
    source, method = kit.task.sources[outdated.comparing_step(settings)], outdated.of_builds(settings.method)
    parts = (kit.llm.backend.model, source, kit.task.words, standard(kit), method)
    return hashlib.sha256(repr((*parts, settings.min_peers)).encode()).hexdigest()


def covers(profile: NewProfile, material: Material) -> bool:
    """Whether a profile was made from all key records."""
    return {stored.number for stored in material.past} <= set(profile.records)


def keep(job: Job, material: Material, result: Result) -> None:
    """Keep what was built and end the job.

    A version equal to the last built one is not stored, so an edited or restored version stays current until there is
    something new, or somebody asks for it.

    Raises:
        LeaseLost: Another worker has the job by now.
        TransactionConflict: Someone whose words or figures were read is gone, or no longer agrees.
    """
    with job.tenant.write(durable=False) as tx:
        people_of(tx, (), compared=chain(*(group for one in material.compared for group in one.against.groups)))
        numbers = [_number_of(tx, one, difference, result.compared_with) for one, difference in result.found]
        if _is_same(tx, material, result):
            _mark_fresh(tx, material.user, result.made_with)
        else:
            profiles.put(tx, _with_pins(tx, material, result, numbers))
        differences.sweep(tx, [stored.number for stored in material.past])
        if material.user not in users.agreeing(tx, [material.user]):
            raise TransactionConflict("the user no longer agrees to the use of own records")
        if any(_clustered_since(tx, one) for one in material.compared):
            jobs.enqueue(tx, "build", [material.user], tx.now_ms)
        jobs.finish(tx, job)


def _number_of(tx: Tx, one: Compared, difference: Difference, made_with: str) -> int:
    if one.before is not None and one.still_holds(made_with):
        return one.before.number
    whom = one.against
    new = NewDifference(one.own.number, whom.peers, whom.clustering, difference.reply.text, whom.n_peers, made_with)
    return differences.put(tx, new)


def _is_same(tx: Tx, material: Material, result: Result) -> bool:
    """Whether the last built version has the same statements, and that in force may stay."""
    current = material.current
    if material.built is None or current is None:
        return False
    if current.profile.made_with == profiles.ASKED and current.number != material.built.number:
        return False
    if result.private and profiles.peers_read(tx, current.number):
        return False
    then = [statement.text for statement in material.built.profile.statements if not statement.pinned]
    pinned = {statement.text for statement in material.built.profile.statements if statement.pinned}
    now = [statement.text for statement in result.statements if statement.text not in pinned]
    return then == now and covers(material.built.profile, material)


def _mark_fresh(tx: Tx, user: int, made_with: str) -> None:
    of_user = (PROFILES.c.tenant == tx.tenant) & (PROFILES.c.user == user)
    tx.conn.execute(update(PROFILES).where(of_user, PROFILES.c.current).values(stale=False, made_with=made_with))


def _with_pins(tx: Tx, material: Material, result: Result, numbers: Sequence[int]) -> NewProfile:
    """The profile with pinned statements first; its lineage includes that of the pinned statements.

    In private mode those that go back to others' texts are left out; they stay pinned for later.
    """
    pins = profiles.pinned(tx, material.user)
    if result.private:
        pins = [pin for pin in pins if pin[1] is None or not profiles.peers_read(tx, pin[1])]
    pinned = [statement for statement, _ in pins]
    rest = [one for one in result.statements if one.text not in {statement.text for statement in pinned}]
    sources = [profiles.lineage_of(tx, source) for source in {source for _, source in pins} if source is not None]
    own = [stored.number for stored in material.past] + [number for records, _ in sources for number in records]
    made_of = [*numbers, *(number for _, differences in sources for number in differences)]
    return NewProfile(
        user=material.user,
        origin="built",
        statements=(*pinned, *rest),
        records=tuple(dict.fromkeys(own)),
        differences=tuple(dict.fromkeys(made_of)),
        made_with=result.made_with,
    )


def _clustered_since(tx: Tx, one: Compared) -> bool:
    """Whether the item was clustered during the LLM calls, so that its representatives may have changed."""
    current = clusterings.current(tx, one.own.item)
    return current is None or current.number != one.against.clustering
