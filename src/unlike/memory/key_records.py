"""Which records a profile is built from without any request, and whom each of them is compared with.

Nothing is opened to find that out but the user's own records: a clustering is numbers.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from sqlalchemy import select

from unlike.embed.encoder import Encoder
from unlike.memory.changed import Changed
from unlike.memory.representatives import Against, against, means_of, nearest
from unlike.memory.settings import KeyRecords, MemorySettings
from unlike.store import clusterings, embeddings, jobs, records
from unlike.store.clusterings import StoredClustering
from unlike.store.database import Tx
from unlike.store.records import Stored
from unlike.store.tables import RECORDS

PAUSE_S = 0.2
"""How long a build waits for the clustering of its items."""

Chosen = Sequence[tuple[Stored, Against | None]]
"""Records, each with whom it is compared with."""


def choose(tx: Tx, user: int, encoder: Encoder, settings: MemorySettings) -> Chosen:
    """The key records of a user, each with whom it is compared with.

    Raises:
        Changed: One of the items is being clustered.
    """
    return CHOICES[settings.key_records](tx, user, encoder, settings)


def _latest(tx: Tx, user: int, encoder: Encoder, settings: MemorySettings) -> Chosen:
    """The latest records."""
    own = records.latest(tx, user, settings.method.n_records)
    _check_clustered(tx, own)
    mine = _numbers_by_item(tx, user)
    return [(stored, _against(tx, stored, mine[stored.item], encoder, settings)) for stored in own]


def _latest_compared(tx: Tx, user: int, encoder: Encoder, settings: MemorySettings) -> Chosen:
    """The latest records that can be compared; where these are too few, the latest of the others too."""
    own = records.read(tx, RECORDS.c.user == user)[::-1]
    _check_clustered(tx, own)
    mine = _numbers_by_item(tx, user)
    n_records = settings.method.n_records
    compared, others = list[tuple[Stored, Against | None]](), list[tuple[Stored, Against | None]]()
    for stored in own:
        whom = _against(tx, stored, mine[stored.item], encoder, settings)
        (others if whom is None else compared).append((stored, whom))
        if len(compared) == n_records:
            break
    return [*compared, *others][:n_records]


Choice = Callable[[Tx, int, Encoder, MemorySettings], Chosen]
CHOICES: dict[KeyRecords, Choice] = {"recency": _latest, "compared": _latest_compared}
"""Ways to choose key records without a request, by name."""


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


def _against(tx: Tx, own: Stored, mine: Collection[int], encoder: Encoder, settings: MemorySettings) -> Against | None:
    clustering = clusterings.current(tx, own.item)
    if clustering is None:
        return None
    group_of = clustering.group_of
    home = group_of[own.number] if own.number in group_of else _nearest(tx, clustering, own, encoder)
    if home is None:
        return None
    return against(clustering, next((number for number in mine if number in group_of), None), home, settings)


def _nearest(tx: Tx, clustering: StoredClustering, own: Stored, encoder: Encoder) -> int | None:
    """The group that a record belongs to which is not clustered; None where one cannot tell yet."""
    vectors = embeddings.of_records(tx, encoder.name, [own.number, *clustering.group_of])
    if own.number not in vectors or len(vectors) <= len(clustering.group_of) or not clustering.groups:
        return None
    return nearest(means_of(clustering, vectors), vectors[own.number])
