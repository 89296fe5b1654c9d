"""The job of an item: embed its new texts, cluster them, and note whose profiles this changes.

A profile changes where one of its key records would be compared otherwise than it was. So a new text that is no
representative causes no LLM call, and neither do records that are in no profile.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import select

from unlike.embed.encoder import Encoder
from unlike.memory.representatives import (
    MIN_MEASURED,
    Against,
    against,
    clustered_set,
    digest_of,
)
from unlike.memory.settings import MemorySettings
from unlike.peers.representatives import cluster, nearest_group
from unlike.store import clusterings, differences, embeddings, jobs, profiles, records, users
from unlike.store.batches import rows_with
from unlike.store.clusterings import StoredClustering
from unlike.store.database import Tenant, Tx
from unlike.store.differences import StoredDifference
from unlike.store.embeddings import Vector
from unlike.store.items import is_there
from unlike.store.jobs import Job
from unlike.store.records import Stored
from unlike.store.tables import PROFILE_READS, PROFILES, RECORDS, USERS


@dataclass(frozen=True, slots=True)
class OnItem:
    """What there is on an item.

    Attributes:
        item: Its number.
        there: Records that serve their users or others, oldest first, without their words.
        members: Those that are clustered: one of each user who agrees to be compared.
        vectors: Of records by number.
        new: Those of the records that have no vector yet, with their words.
        before: The clustering so far.
    """

    item: int
    there: Sequence[Stored]
    members: Sequence[Stored]
    vectors: Mapping[int, Vector]
    new: Sequence[Stored]
    before: StoredClustering | None


def cluster_item(job: Job, encoder: Encoder, settings: MemorySettings) -> None:
    """Do the job and end it; all its effects are committed together.

    Raises:
        LeaseLost: Another worker has it by now.
        TransactionConflict: A user whose records were clustered is gone, or no longer agrees.
    """
    known = _read(job.tenant, job.subject, encoder)
    new = _embedded(known, encoder)
    known = replace(known, vectors={**known.vectors, **new})
    n_groups, seed = settings.method.n_peers + 1, settings.method.seed
    digest = digest_of(known.members, n_groups, seed, encoder.name)
    is_new = known.before is None or known.before.digest != digest
    groups = _grouped(known, n_groups, seed) if is_new else []
    with job.tenant.write(durable=False) as tx:
        embeddings.put(tx, encoder.name, new)
        if is_new and is_there(tx, known.item):
            clustering = clusterings.put(tx, known.item, digest, groups)
            _note_changes(tx, known, clustering, settings)
            clusterings.sweep(tx, known.item)
        jobs.finish(tx, job)


def _read(tenant: Tenant, item: int, encoder: Encoder) -> OnItem:
    with tenant.read() as tx:
        there = records.without_texts(tx, RECORDS.c.item == item, USERS.c.own | USERS.c.peer)
        agreeing = users.agreeing_to_compare(tx, [stored.user for stored in there])
        vectors = embeddings.of_records(tx, encoder.name, [stored.number for stored in there])
        new = records.with_numbers(tx, [stored.number for stored in there if stored.number not in vectors])
        return OnItem(
            item=item,
            there=there,
            members=clustered_set([stored for stored in there if stored.user in agreeing]),
            vectors=vectors,
            new=tuple(new.values()),
            before=clusterings.current(tx, item),
        )


def _embedded(known: OnItem, encoder: Encoder) -> dict[int, Vector]:
    """Vectors of the records that have none yet."""
    vectors = encoder.encode([stored.record.text for stored in known.new]) if known.new else []
    return {stored.number: vector for stored, vector in zip(known.new, vectors, strict=True)}


def _grouped(known: OnItem, n_groups: int, seed: int) -> list[list[int]]:
    """Numbers of the members by group, nearest to the centroid first."""
    if not known.members:
        return []
    rows = np.stack([known.vectors[stored.number] for stored in known.members])
    found = cluster([stored.record for stored in known.members], rows, n_groups, seed)
    numbers = {stored.record.id: stored.number for stored in known.members}
    return [[numbers[id_] for id_ in ids] for ids in found.groups]


def _note_changes(tx: Tx, known: OnItem, clustering: StoredClustering, settings: MemorySettings) -> None:
    """Mark what would be found otherwise now, and ask for it to be built."""
    compared = _comparing(known, clustering, settings)
    shown = _in_profiles(tx, [stored.number for stored in known.there])
    made = differences.current_of(tx, shown)
    changed = [own for own in known.there if own.number in shown and _changes(compared(own), made.get(own.number))]
    first = known.there if _first_comparable(known, settings) else ()
    added = [own for own in first if own.number not in shown and compared(own)]
    served = users.agreeing(tx, [own.user for own in (*changed, *added)])
    differences.mark_stale(tx, [own.number for own in changed])
    profiles.mark_stale(tx, sorted(served & {own.user for own in changed}))
    jobs.enqueue(tx, "build", sorted(served), tx.now_ms)


def _comparing(
    known: OnItem, clustering: StoredClustering, settings: MemorySettings
) -> Callable[[Stored], Against | None]:
    """Whom a record on the item is compared with."""
    group_of = clustering.group_of
    mine = {stored.user: stored.number for stored in known.members}

    def compared(own: Stored) -> Against | None:
        if not clustering.groups:
            return None
        home = group_of.get(own.number)
        if home is None:
            home = nearest_group(clustering.groups, known.vectors, known.vectors[own.number])
        return against(clustering, mine.get(own.user), home, settings)

    return compared


def _changes(now: Against | None, made: StoredDifference | None) -> bool:
    """Whether the difference of a record is not what its comparison gives now."""
    return made is not None if now is None else not now.gave(made)


def _first_comparable(known: OnItem, settings: MemorySettings) -> bool:
    """Whether records may be chosen as key records because they can be compared from now on."""
    minimum = max(settings.min_peers, MIN_MEASURED)
    too_few = known.before is None or len(known.before.group_of) <= minimum
    return settings.key_records == "compared" and too_few


def _in_profiles(tx: Tx, numbers: Sequence[int]) -> set[int]:
    """Those of the records that the current profiles of their users were made of."""
    own = (PROFILE_READS.c.tenant == tx.tenant) & (PROFILE_READS.c.role == "own") & PROFILES.c.current
    read = select(PROFILE_READS.c.record).join(PROFILES, PROFILES.c.id == PROFILE_READS.c.profile).where(own)
    return {number for (number,) in rows_with(tx, read, PROFILE_READS.c.record, numbers)}
