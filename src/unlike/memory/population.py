"""How unlike the others each user is (DPL, section 4.4.2), from the vectors that the store holds.

A user's place is the mean of the vectors of the user's texts; the centre is the mean over the places of those who agree
to be compared; uniqueness is the Euclidean distance between the two. ``evaluate.uniqueness`` is the same over a corpus.

The distances are computed on request in one pass over the stored vectors, and only one number per user is cached. They are
computed again after an erasure or change of consent, and after new texts at most once a minute.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from unlike.memory.answers import Page
from unlike.memory.profile_pages import known_user
from unlike.store import users
from unlike.store.audit import READS
from unlike.store.database import Tenant, Tx
from unlike.store.tables import AUDIT, EMBEDDINGS, RECORDS, USERS
from unlike.store.users import UserRow

FRESH_S = 60.0
"""For how long new texts may be left out."""
N_BINS = 30
MIN_TEXTS = 5
"""The mean of fewer vectors is far from the centre whatever they are, so those users are ranked last."""
UNIQUENESS = "uniqueness"
SORTS = (*users.SORTS, UNIQUENESS)
"""Orders of a list of users."""
_ROWS_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class Distances:
    """A pass over the population.

    Attributes:
        of: Distance of each user from the centre, by number; of those with a vector.
        few: Users, by number, with vectors of fewer than ``MIN_TEXTS`` texts.
        ranked: Those of the population, rising.
        edges: Of the bins that the distances of those who agree to be compared fall into.
        counts: How many fall into each.
        n_compared: Users whom the centre is the mean of.
        measured_ms: When.
    """

    of: Mapping[int, float]
    few: frozenset[int]
    ranked: NDArray[np.float64]
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    n_compared: int
    measured_ms: int


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """How unlike the others a user is.

    Attributes:
        distance: Of the user from the centre of the population; None without a vector.
        share_below: Share of the population that is nearer to the centre.
        n_compared: Users who agree to be compared: the population.
        edges: Of the bins of their distances.
        counts: How many of them fall into each bin.
        measured_ms: When the population was measured.
    """

    user_id: str
    distance: float | None
    share_below: float | None
    n_compared: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    measured_ms: int


class Population:
    """The distances of a tenant's users, computed on request.

    Args:
        tenant: Whose.
        encoder: Name of the encoder of the vectors; where the store has none of it, that of most vectors is used.
    """

    def __init__(self, tenant: Tenant, encoder: str) -> None:
        self._tenant, self._encoder = tenant, encoder
        self._lock = threading.Lock()
        self._known: Distances | None = None
        self._version = (-1, -1)
        self._fresh_until_s = 0.0

    def known(self) -> Mapping[int, float]:
        """Cached distances by number of user."""
        return self._known.of if self._known else {}

    def distances(self) -> Distances:
        """Current distances, computed if the cached ones are outdated; concurrent calls share one computation."""
        with self._lock, self._tenant.read() as tx:
            version = _version(tx)
            if self._known is None or self._is_old(version):
                self._known = _measured(tx, self._encoder)
                self._version, self._fresh_until_s = version, time.monotonic() + FRESH_S
            return self._known

    def _is_old(self, version: tuple[int, int]) -> bool:
        withdrawn = version[1] != self._version[1]
        return withdrawn or (version != self._version and time.monotonic() >= self._fresh_until_s)


def uniqueness(tenant: Tenant, population: Population, user_id: str) -> Uniqueness:
    """A user in the population; see ``Memory.uniqueness``."""
    found = population.distances()
    with tenant.read() as tx:
        distance = found.of.get(known_user(tx, user_id))
    return Uniqueness(
        user_id=user_id,
        distance=distance,
        share_below=None if distance is None else float(np.searchsorted(found.ranked, distance)) / found.n_compared,
        n_compared=found.n_compared,
        edges=found.edges,
        counts=found.counts,
        measured_ms=found.measured_ms,
    )


def list_users(
    tenant: Tenant, population: Population, search: str, sort: str, offset: int, limit: int
) -> Page[UserRow]:
    """A page of users.

    Sorted by uniqueness, the most unlike come first, and after them those with too few texts to tell; distances are computed
    if necessary, and other orders only use cached ones.
    """
    few = population.distances().few if sort == UNIQUENESS else frozenset[int]()
    known = population.known()
    with tenant.read() as tx:
        if sort == UNIQUENESS:
            there = users.numbers_of(tx, search, "records")
            ranked = sorted(there, key=lambda number: (number in few, -known.get(number, -1.0)))
            numbers = ranked[offset : offset + limit]  # without a vector: last, most records first
        else:
            numbers = users.numbers_of(tx, search, sort, offset, limit)
        rows, total = users.with_numbers(tx, numbers), users.count(tx, search)
    return Page(tuple(replace(row, uniqueness=known.get(number)) for number, row in rows.items()), total, offset)


def _version(tx: Tx) -> tuple[int, int]:
    """Two versions from indexes: one changes with new texts, the other with erasures and changes of consent."""
    vectors = tx.conn.scalar(select(func.max(EMBEDDINGS.c.id)))
    ours = (AUDIT.c.tenant == tx.tenant) & AUDIT.c.what.not_in(READS)
    changes = tx.conn.scalar(select(func.max(AUDIT.c.id)).where(ours))
    return vectors or 0, changes or 0


def _measured(tx: Tx, encoder: str) -> Distances:
    numbers, agrees = _users(tx)
    sums, n_texts = _sums(tx, encoder, numbers)
    there = n_texts > 0
    means = sums if there.all() else sums[there]  # (n_users, dim); changed in place, for there may be many
    means /= n_texts[there, None]
    compared = agrees[there]
    if not compared.any():
        return Distances({}, frozenset(), np.zeros(0), (), (), 0, tx.now_ms)
    means -= compared.astype(np.float32) @ means / compared.sum()
    distances = np.sqrt(np.einsum("nd,nd->n", means, means)).astype(np.float64)
    ranked = np.sort(distances[compared])
    counts, edges = np.histogram(ranked, bins=N_BINS)
    of = dict(zip(numbers[there].tolist(), distances.tolist(), strict=True))
    few = frozenset(numbers[there & (n_texts < MIN_TEXTS)].tolist())
    return Distances(of, few, ranked, tuple(edges.tolist()), tuple(counts.tolist()), len(ranked), tx.now_ms)


def _users(tx: Tx) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Numbers, ascending, of all users whose records may be used, and whether each agrees to be compared."""
    serving = select(USERS.c.id, USERS.c.peer).where(USERS.c.tenant == tx.tenant, USERS.c.own | USERS.c.peer)
    rows = tx.conn.execute(serving.order_by(USERS.c.id)).all()
    return np.array([row.id for row in rows], np.int64), np.array([row.peer for row in rows], bool)


def _sums(tx: Tx, encoder: str, numbers: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Sums of each user's vectors, (n_users, dim), and how many they are."""
    sums, n_texts = np.zeros((len(numbers), 0), np.float32), np.zeros(len(numbers), np.int64)
    for owners, vectors in _batches(tx, _encoder_there(tx, encoder)):
        if not sums.shape[1]:
            sums = np.zeros((len(numbers), vectors.shape[1]), np.float32)
        order = np.argsort(owners, kind="stable")
        whose, first, n = np.unique(owners[order], return_index=True, return_counts=True)
        known = np.isin(whose, numbers)  # the others do not agree to any use
        places = np.searchsorted(numbers, whose[known])
        sums[places] += np.add.reduceat(vectors[order], first)[known]
        n_texts[places] += n[known]
    return sums, n_texts


def _encoder_there(tx: Tx, encoder: str) -> str:
    """The encoder, or the one of most vectors where there is none of it: names suffice to read distances."""
    mine = EMBEDDINGS.c.tenant == tx.tenant
    if tx.conn.scalar(select(EMBEDDINGS.c.id).where(mine, EMBEDDINGS.c.encoder == encoder).limit(1)) is not None:
        return encoder
    counted = select(EMBEDDINGS.c.encoder).where(mine).group_by(EMBEDDINGS.c.encoder)
    return tx.conn.scalar(counted.order_by(func.count().desc(), EMBEDDINGS.c.encoder).limit(1)) or encoder


def _batches(tx: Tx, encoder: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """(user numbers, vectors) of all records, in batches."""
    made = select(RECORDS.c.user, EMBEDDINGS.c.vector).join(RECORDS, RECORDS.c.id == EMBEDDINGS.c.record)
    mine = made.where(EMBEDDINGS.c.tenant == tx.tenant, EMBEDDINGS.c.encoder == encoder)
    rows: Sequence[tuple[int, NDArray[np.float32]]]
    for rows in tx.conn.execution_options(yield_per=_ROWS_AT_ONCE).execute(mine).partitions():  # type: ignore[assignment]
        yield np.array([user for user, _ in rows], np.int64), np.stack([vector for _, vector in rows])
