"""The job of an item: embed its new texts, cluster them, and note whose differences this changes.

Only a difference whose representatives changed becomes stale; a new text that is nobody's representative costs no LLM
call.
"""

from collections.abc import Mapping, Sequence

from unlike.embed.encoder import Encoder
from unlike.memory.representatives import clustered_set, digest_of, representatives
from unlike.memory.settings import MemorySettings
from unlike.peers.kmeans import cluster
from unlike.store import clusterings, differences, embeddings, jobs, profiles, records, users
from unlike.store.clusterings import StoredClustering
from unlike.store.database import Tx
from unlike.store.embeddings import Vector
from unlike.store.jobs import Job
from unlike.store.records import Stored
from unlike.store.tables import RECORDS, USERS


def cluster_item(job: Job, encoder: Encoder, settings: MemorySettings) -> None:
    """Do the job and end it, with all its effects, in one transaction.

    Raises:
        LeaseLost: Another worker has it by now.
    """
    with job.tenant.read() as tx:
        there = records.read(tx, RECORDS.c.item == job.subject, USERS.c.own | USERS.c.peer)
        vectors = embeddings.of_records(tx, encoder.name, [stored.number for stored in there])
    missing = [stored for stored in there if stored.number not in vectors]
    if missing:
        new = encoder.encode([stored.record.text for stored in missing])
        vectors |= {stored.number: vector for stored, vector in zip(missing, new, strict=True)}
    with job.tenant.write() as tx:
        there = [stored for stored in _still_there(tx, there) if stored.number in vectors]
        embeddings.put(tx, encoder.name, {stored.number: vectors[stored.number] for stored in there})
        changed = _cluster(tx, job.subject, there, vectors, encoder.name, settings)
        profiles.mark_stale(tx, changed)
        jobs.enqueue(tx, "build", changed, tx.now_ms)
        jobs.finish(tx, job)


def _still_there(tx: Tx, before: Sequence[Stored]) -> list[Stored]:
    """Those of the records that were not erased while they were embedded."""
    numbers = records.with_numbers(tx, [stored.number for stored in before])
    return [stored for stored in before if stored.number in numbers]


def _cluster(
    tx: Tx, item: int, there: Sequence[Stored], vectors: Mapping[int, Vector], encoder: str, settings: MemorySettings
) -> list[int]:
    """Keep the clustering; gives the users whose differences on the item are to be made anew."""
    agreeing = users.agreeing_to_compare(tx, [stored.user for stored in there])
    members = clustered_set([stored for stored in there if stored.user in agreeing])
    digest = digest_of(members, settings.method.n_peers + 1, encoder)
    before = clusterings.current(tx, item)
    if before is not None and before.digest == digest:
        return []
    clustering = _clustered(tx, item, members, vectors, digest, settings)
    stale = _with_other_representatives(tx, there, members, vectors, clustering, settings)
    differences.mark_stale(tx, [stored.number for stored in stale])
    clusterings.sweep(tx, item)
    return sorted({stored.user for stored in stale})


def _clustered(
    tx: Tx,
    item: int,
    members: Sequence[Stored],
    vectors: Mapping[int, Vector],
    digest: str,
    settings: MemorySettings,
) -> StoredClustering:
    import numpy as np

    if not members:
        return clusterings.put(tx, item, digest, [])
    rows = np.stack([vectors[stored.number] for stored in members])
    found = cluster([stored.record for stored in members], rows, settings.method.n_peers + 1, settings.method.seed)
    numbers = {stored.record.id: stored.number for stored in members}
    return clusterings.put(tx, item, digest, [[numbers[id_] for id_ in ids] for ids in found.nearest])


def _with_other_representatives(
    tx: Tx,
    there: Sequence[Stored],
    members: Sequence[Stored],
    vectors: Mapping[int, Vector],
    clustering: StoredClustering,
    settings: MemorySettings,
) -> list[Stored]:
    """Records that would be compared with others than they were; those never compared count where they can be now."""
    users_of = {stored.number: stored.user for stored in members}
    before = differences.current_of(tx, [stored.number for stored in there])
    served = users.agreeing(tx, [stored.user for stored in there])
    changed = list[Stored]()
    for own in (stored for stored in there if stored.user in served):
        n_others = sum(user != own.user for user in users_of.values())
        enough = n_others >= settings.fewest_peers
        now = representatives(clustering, own, users_of, vectors, settings.method.n_peers) if enough else ()
        then = before[own.number].difference.peers if own.number in before else ()
        if set(now) != set(then):
            changed.append(own)
    return changed
