"""The job of a user: compare the key records, summarise, and keep the profile with its lineage (DPL, ahead of requests).

What did not change is not asked for again: a difference whose representatives are the same stays, and a profile whose
records and differences are the same stays. All effects are committed with the end of the job; where someone whose words
were read has gone or withdrawn meanwhile, nothing is kept and the job is done again.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from unlike.embed.encoder import Encoder
from unlike.memory.representatives import representatives
from unlike.memory.settings import MemorySettings
from unlike.memory.statements import statements_of
from unlike.methods.kit import Kit
from unlike.methods.steps import Comparison, Difference, Reply, extract, summarise
from unlike.records import Item
from unlike.store import clusterings, differences, embeddings, jobs, profiles, records, users
from unlike.store.database import Tx
from unlike.store.differences import NewDifference, StoredDifference
from unlike.store.jobs import Job
from unlike.store.profiles import NewProfile, StoredProfile
from unlike.store.records import Stored
from unlike.store.tables import RECORDS


class Changed(Exception):
    """What was read is not so any more; the job is to be done again."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A key record and those it is compared with, by number.

    Attributes:
        own: The user's record.
        peers: Its representatives; none where too few others wrote on the item.
        clustering: That they were chosen by.
        n_peers: Others who wrote on the item and agree to be compared.
        before: The current difference of the record.
    """

    own: Stored
    peers: tuple[Stored, ...]
    clustering: int | None
    n_peers: int
    before: StoredDifference | None

    def still_holds(self, made_with: str) -> bool:
        """Whether the current difference is what would be found again."""
        then = self.before
        return (
            then is not None
            and not then.stale
            and then.difference.made_with == made_with
            and set(then.difference.peers) == {peer.number for peer in self.peers}
        )


@dataclass(frozen=True, slots=True)
class Material:
    """What a profile is built from.

    Attributes:
        user: Number of the user.
        past: Key records, oldest first.
        compared: Those of them that are compared.
        before: The current profile.
    """

    user: int
    past: tuple[Stored, ...]
    compared: tuple[Compared, ...]
    before: StoredProfile | None


async def build_profile(job: Job, kit: Kit, encoder: Encoder, settings: MemorySettings) -> None:
    """Do the job and end it.

    Raises:
        LeaseLost: Another worker has it by now.
        Changed: Someone whose words were read is gone; nothing was kept.
        CallFailed: An LLM call failed.
        EngineError: The LLM cannot be used.
    """
    material = await asyncio.to_thread(_read, job, encoder, settings)
    made_with = _made_with(kit, settings)
    if material is None or not _to_do(material, made_with):
        await asyncio.to_thread(_finish_only, job)
        return
    items = {stored.record.item_id: kit.records.item(stored.record.item_id) for stored in material.past}
    found = await _differences(material, items, made_with, kit)
    past = [stored.record for stored in material.past]
    summary = await summarise(past, [difference for _, difference in found], kit)
    assert summary is not None  # there is at least one key record
    statements = await asyncio.to_thread(statements_of, summary.text, material.past, found, encoder, settings)
    await asyncio.to_thread(_keep, job, material, found, statements, made_with)


def _read(job: Job, encoder: Encoder, settings: MemorySettings) -> Material | None:
    """What there is to build from; None for a user who is gone, does not want it, or has too few records."""
    with job.tenant.read() as tx:
        if job.subject not in users.agreeing(tx, [job.subject]):
            return None
        own = records.read(tx, RECORDS.c.user == job.subject)
        if len(own) < settings.fewest_records:
            return None
        compared = [_compared(tx, stored, encoder, settings) for stored in own[::-1]]
        if settings.key_records == "compared":
            compared.sort(key=lambda one: not one.peers)  # the latest first, those that can be compared before others
        chosen = compared[: settings.method.n_records]
        past = sorted((one.own for one in chosen), key=lambda stored: stored.record.moment)
        return Material(
            user=job.subject,
            past=tuple(past),
            compared=tuple(one for one in chosen if one.peers),
            before=profiles.current(tx, job.subject),
        )


def _compared(tx: Tx, own: Stored, encoder: Encoder, settings: MemorySettings) -> Compared:
    clustering = clusterings.current(tx, own.item)
    before = differences.current_of(tx, [own.number]).get(own.number)
    nobody = Compared(own, (), None, 0, before)
    if clustering is None:
        return nobody
    members = records.with_numbers(tx, clustering.group_of)
    n_peers = sum(member.user != own.user for member in members.values())
    vectors = embeddings.of_records(tx, encoder.name, [own.number, *members])
    if n_peers < settings.fewest_peers or own.number not in vectors:
        return nobody
    users_of = {number: member.user for number, member in members.items()}
    peers = representatives(clustering, own, users_of, vectors, settings.method.n_peers)
    return Compared(own, tuple(members[peer] for peer in peers), clustering.number, n_peers, before)


def _to_do(material: Material, made_with: str) -> bool:
    """Whether anything would come out differently than it stands."""
    before = material.before
    if before is None or before.stale or not all(one.still_holds(made_with) for one in material.compared):
        return True
    used = {one.before.number for one in material.compared if one.before}
    past = {stored.number for stored in material.past}
    return not (past <= set(before.profile.records) and used <= set(before.profile.differences))


async def _differences(
    material: Material, items: dict[str, Item], made_with: str, kit: Kit
) -> list[tuple[Compared, Difference]]:
    """All differences of the key records: those that still hold, and those the LLM finds now."""
    held = [(one, _again(one, items)) for one in material.compared if one.still_holds(made_with)]
    missing = [one for one in material.compared if not one.still_holds(made_with)]
    found = await extract([_comparison(one, items) for one in missing], kit)
    return [*held, *zip(missing, found, strict=True)]


def _comparison(one: Compared, items: dict[str, Item]) -> Comparison:
    record = one.own.record
    return Comparison(record, items[record.item_id], tuple(peer.record for peer in one.peers), one.n_peers)


def _again(one: Compared, items: dict[str, Item]) -> Difference:
    """A difference that is there, as a step would have given it."""
    assert one.before is not None
    read = (one.own.record.id, *(peer.record.id for peer in one.peers))
    return Difference(_comparison(one, items), Reply(one.before.difference.text, {}, read))


def _keep(
    job: Job,
    material: Material,
    found: Sequence[tuple[Compared, Difference]],
    statements: Sequence[profiles.Statement],
    made_with: str,
) -> None:
    with job.tenant.write() as tx:
        _check(tx, material)
        numbers = [_number_of(tx, one, difference, made_with) for one, difference in found]
        profiles.put(tx, _with_pins(tx, material, statements, numbers))
        differences.sweep(tx, [stored.number for stored in material.past])
        jobs.finish(tx, job)


def _with_pins(
    tx: Tx, material: Material, statements: Sequence[profiles.Statement], numbers: Sequence[int]
) -> NewProfile:
    """The profile, with what people pinned before the rest; it goes back to whatever the pinned statements go back to."""
    pins = profiles.pinned(tx, material.user)
    pinned = [statement for statement, _ in pins]
    rest = [one for one in statements if one.text not in {statement.text for statement in pinned}]
    sources = [profiles.lineage_of(tx, source) for source in {source for _, source in pins} if source is not None]
    own = [stored.number for stored in material.past] + [number for records, _ in sources for number in records]
    made_of = [*numbers, *(number for _, differences in sources for number in differences)]
    return NewProfile(
        material.user, "built", (*pinned, *rest), tuple(dict.fromkeys(own)), tuple(dict.fromkeys(made_of))
    )


def _check(tx: Tx, material: Material) -> None:
    """Everybody whose words were read is still there and still agrees."""
    read = [*material.past, *(peer for one in material.compared for peer in one.peers)]
    there = records.with_numbers(tx, [stored.number for stored in read])
    peers = {peer.user for one in material.compared for peer in one.peers}
    if len(there) < len({stored.number for stored in read}) or users.agreeing_to_compare(tx, sorted(peers)) < peers:
        raise Changed
    if any(clusterings.current(tx, one.own.item) is None for one in material.compared):
        raise Changed


def _number_of(tx: Tx, one: Compared, difference: Difference, made_with: str) -> int:
    if one.still_holds(made_with):
        assert one.before is not None
        return one.before.number
    peers = tuple(peer.number for peer in one.peers)
    new = NewDifference(one.own.number, peers, one.clustering, difference.reply.text, one.n_peers, made_with)
    return differences.put(tx, new)


def _finish_only(job: Job) -> None:
    with job.tenant.write() as tx:
        jobs.finish(tx, job)


def _made_with(kit: Kit, settings: MemorySettings) -> str:
    """What a difference depends on beside its records."""
    parts = (kit.llm.backend.model, kit.task.sources["difference"], repr(settings.method), repr(settings.private))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
