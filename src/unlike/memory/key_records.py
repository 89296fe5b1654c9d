"""Which records a profile is built from without any request, and whom each of them is compared with.

Nothing is opened to find that out but the user's own records: a clustering is numbers.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from sqlalchemy import select

from unlike.embed.encoder import Encoder
from unlike.memory.changed import Changed
from unlike.memory.representatives import Against, against
from unlike.memory.settings import MemorySettings
from unlike.peers.representatives import choose_key_records, nearest_group
from unlike.store import clusterings, embeddings, jobs, records
from unlike.store.clusterings import StoredClustering
from unlike.store.database import Tx
from unlike.store.records import Stored
from unlike.store.tables import RECORDS

PAUSE_S = 0.2
"""How long a build waits for the clustering of its items."""


def choose(tx: Tx, user: int, encoder: Encoder, settings: MemorySettings) -> list[tuple[Stored, Against | None]]:
    """The key records of a user, each with whom it is compared with.

    Raises:
        Changed: One of the items is being clustered.
    """
    n, rule = settings.method.n_records, settings.key_records
    own = records.latest(tx, user, n) if rule == "recency" else records.read(tx, RECORDS.c.user == user)
    _check_clustered(tx, own)
    compared = partial(_against, tx, _numbers_by_item(tx, user), encoder, settings)
    return choose_key_records(reversed(own), compared, n, rule)


def _check_clustered(tx: Tx, own: Sequence[Stored]) -> None:
    """What is about to be clustered again is waited for, or the profile would be built twice."""
    if jobs.unfinished(tx, "cluster", sorted({stored.item for stored in own})):
        raise Changed("the items of its records are being clustered", PAUSE_S)


def _numbers_by_item(tx: Tx, user: int) -> Mapping[int, set[int]]:
    """The user's records on each item."""
    found: dict[int, set[int]] = {}
    mine = select(RECORDS.c.id, RECORDS.c.item).where(RECORDS.c.tenant == tx.tenant, RECORDS.c.user == user)
    for number, item in tx.conn.execute(mine):
        found.setdefault(item, set()).add(number)
    return found


def _against(
    tx: Tx, by_item: Mapping[int, Collection[int]], encoder: Encoder, settings: MemorySettings, own: Stored
) -> Against | None:
    clustering = clusterings.current(tx, own.item)
    if clustering is None:
        return None
    group_of = clustering.group_of
    home = group_of[own.number] if own.number in group_of else _nearest(tx, clustering, own, encoder)
    if home is None:
        return None
    mine = next((number for number in by_item[own.item] if number in group_of), None)
    return against(clustering, mine, home, settings)


def _nearest(tx: Tx, clustering: StoredClustering, own: Stored, encoder: Encoder) -> int | None:
    """The group that a record counts to which is not clustered; None where one cannot tell yet."""
    vectors = embeddings.of_records(tx, encoder.name, [own.number, *clustering.group_of])
    if own.number not in vectors or len(vectors) <= len(clustering.group_of) or not clustering.groups:
        return None
    return nearest_group(clustering.groups, vectors, vectors[own.number])
