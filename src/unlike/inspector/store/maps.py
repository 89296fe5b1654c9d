"""The difference map: all texts on an item as points in a plane, with the user's representatives (DPL, equation 4).

It uses only stored vectors and no LLM. Consent is respected: texts of others are those of users who agree to be compared,
without any id; a user who does not let own records be used is not on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unlike.embed.encoder import Encoder, KnownVectors, Vectors
from unlike.inspector.store.others import chosen, decrypted, keyed
from unlike.memory.profile_pages import known_user
from unlike.memory.representatives import clustered_set
from unlike.memory.settings import MemorySettings
from unlike.peers.selectors import KMeansSelector, Selector, open_selector
from unlike.records import Item, Record
from unlike.settings import SelectorName
from unlike.store import embeddings, records, users
from unlike.store.database import Tenant, Tx
from unlike.store.embeddings import Vector
from unlike.store.items import items_with_ids
from unlike.store.records import Stored, Unknown
from unlike.store.tables import ITEMS, RECORDS, USERS

MAX_TEXTS = 5_000
"""Maximum number of texts on a map, the latest; more cannot be distinguished by eye."""
MAX_CHARS = 2_000
"""Maximum number of characters per text on a map."""
MEAN_RECORD = ""
"""Record id of the mean of all own texts, for a user without a text on the item."""

Place = Literal["text", "usual", "none"]


@dataclass(frozen=True, slots=True)
class Point:
    """A text on a map.

    Attributes:
        x: Along the direction in which the texts differ most.
        y: Along the next one.
        group: Number of its cluster.
        chosen: Whether it is a representative.
        mine: Whether it is the user's.
        text: Its beginning. Where the settings show only statistics of others, it, the title, length, rating and timestamp of
            others are "", 0 or None.
        n_chars: Length of the whole text.
    """

    x: float
    y: float
    group: int
    chosen: bool
    mine: bool
    title: str
    text: str
    n_chars: int
    rating: float | None
    timestamp: int


@dataclass(frozen=True, slots=True)
class DifferenceMap:
    """A user's text among those of others on an item.

    Attributes:
        place: The user's point: the own text on the item, the mean of all own texts, or none.
        why: Reason why the user or the others are not shown; "" where they are.
        n_others: Number of other users with a text on it who agree to be compared.
        n_left_out: Number of them who are not on the map: without a vector yet, or more than its maximum.
        explained: Share of the variance of the texts along each of the two directions.
        points: The user's first, then the others.
    """

    user_id: str
    item_id: str
    item_title: str
    k: int
    selector: SelectorName
    place: Place
    why: str
    n_others: int
    n_left_out: int
    explained: tuple[float, float]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class MapData:
    """The data of a map.

    Attributes:
        target: The user's own record, or one for the mean of all own texts; None if there is neither.
        others: One record of each other user, with or without its words.
        vectors: Of all of them by record id.
    """

    user: int
    item: Item
    target: Record | None
    others: Sequence[Record]
    vectors: Mapping[str, Vector]
    n_others: int
    why: str

    @property
    def shown(self) -> list[Record]:
        """All records, the user's first."""
        return [*([self.target] if self.target else []), *self.others]


def read(
    tenant: Tenant, user_id: str, item_id: str, encoder: Encoder, settings: MemorySettings, *, with_texts: bool
) -> MapData:
    """Read the data of a map.

    Args:
        tenant: The tenant.
        user_id: The user.
        item_id: The item.
        encoder: Made the vectors.
        settings: How few others are too few.
        with_texts: Whether the texts of others are decrypted; their vectors suffice to place and to choose them.

    Raises:
        Unknown: There is no such user or item.
    """
    with tenant.read() as tx:
        user = known_user(tx, user_id)
        item = items_with_ids(tx, [item_id]).get(item_id)
        if item is None:
            raise Unknown(f"no item {item_id!r}; items come with the first record on them")
        others = _others(tx, item_id, user)
        own = users.consent_of(tx, user).own
        mine = records.without_texts(tx, RECORDS.c.user == user) if own else []
        known = _shown_others(others, settings)
        kept = embeddings.of_records(tx, encoder.name, [one.number for one in (*known, *mine)])
        placed = {one.record.id: kept[one.number] for one in known if one.number in kept}
        shown = [one.record for one in known if one.record.id in placed]
        shown = decrypted(tx, shown) if with_texts else shown
        latest = records.latest_on(tx, user, item_id) if own else None
    target, at = _target(latest, Record(MEAN_RECORD, user_id, item_id, ""), mine, kept, encoder)
    vectors = placed | ({target.id: at} if target else {})
    return MapData(user, item, target, shown, vectors, len(others), _why(own, len(others), settings))


def drawn(user_id: str, data: MapData, k: int, selector: SelectorName, settings: MemorySettings) -> DifferenceMap:
    """The map of some data.

    Args:
        user_id: The user.
        data: From ``read``, with the others' words.
        k: K, number of representatives.
        selector: How they are chosen.
        settings: The seed, and whether others' texts are shown.
    """
    shown, vectors = data.shown, KnownVectors(data.vectors)
    rows = vectors.encode([record.id for record in shown]) if shown else np.zeros((0, 2), np.float32)
    kmeans = KMeansSelector(vectors, settings.method.seed)
    group_of = kmeans.clustering([keyed(record) for record in shown], k + 1).group_of if shown else {}
    choice = kmeans if selector == "kmeans" else open_selector(selector, vectors, settings.method.seed)
    chosen_ids = {record.id for record in representatives(data, k, choice)}
    places, explained = plane(rows)
    place: Place = "none" if data.target is None else "usual" if data.target.id == MEAN_RECORD else "text"
    return DifferenceMap(
        user_id=user_id,
        item_id=data.item.id,
        item_title=data.item.title,
        k=k,
        selector=selector,
        place=place,
        why=data.why,
        n_others=data.n_others,
        n_left_out=data.n_others - len(data.others),
        explained=explained,
        points=tuple(
            _point(record, x, y, group_of[record.id], record.id in chosen_ids, record is data.target, settings)
            for record, (x, y) in zip(shown, places.tolist(), strict=True)
        ),
    )


def representatives(data: MapData, k: int, choice: Selector) -> list[Record]:
    """The K records that the user's text is compared with; none without such a text.

    Args:
        data: From ``read``.
        k: K.
        choice: Knows the vectors by record id.
    """
    return chosen(choice, data.target, data.others, k) if data.target else []


def plane(vectors: Vectors) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """The two directions in which vectors differ most (principal components), and the share of variance of each.

    Args:
        vectors: (n, dim) float32.

    Returns:
        (n, 2) places, each direction such that its largest place is positive, so that the same texts give the same map.
    """
    centred = vectors.astype(np.float64) - (vectors.mean(axis=0) if len(vectors) else 0)
    if len(vectors) < 2 or not centred.any():
        return np.zeros((len(vectors), 2)), (0.0, 0.0)
    # The right singular vectors are the eigenvectors of a matrix that stays small however many texts there are.
    small = centred.T @ centred if centred.shape[0] > centred.shape[1] else centred
    _, sizes, directions = np.linalg.svd(small, full_matrices=False)
    variances = sizes if small is not centred else sizes**2
    places = centred @ directions[:2].T
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    places *= np.sign(places[np.abs(places).argmax(axis=0), [0, 1]] + 1e-300)
    shares = [float(one) for one in variances[:2] / variances.sum()] + [0.0]
    return places, (shares[0], shares[1])


def _others(tx: Tx, item_id: str, user: int) -> list[Stored]:
    """One record of each other user on the item who agrees to be compared, the latest first, without their words."""
    there = records.without_texts(tx, ITEMS.c.item_id == item_id, USERS.c.peer, RECORDS.c.user != user)
    return sorted(clustered_set(there), key=lambda one: one.record.moment, reverse=True)


def _shown_others(others: Sequence[Stored], settings: MemorySettings) -> Sequence[Stored]:
    """Those who may be shown: none if there are too few of them to hide who wrote what."""
    return others[:MAX_TEXTS] if len(others) >= settings.min_peers else ()


def _why(own: bool, n_others: int, settings: MemorySettings) -> str:
    if not own:
        return "this user does not agree to the use of own records"
    if n_others >= settings.min_peers:
        return ""
    return f"others on this item who agree to be compared: {n_others}; at least {settings.min_peers} are needed to show them"


def _target(
    latest: Stored | None, usual: Record, mine: Sequence[Stored], kept: Mapping[int, Vector], encoder: Encoder
) -> tuple[Record | None, Vector]:
    """The user's latest record on the item with its vector; without one, ``usual`` at the mean of all own texts."""
    if latest:
        return latest.record, kept[latest.number] if latest.number in kept else encoder.encode([latest.record.text])[0]
    vectors = [kept[one.number] for one in mine if one.number in kept]
    return (usual, np.mean(vectors, axis=0)) if vectors else (None, np.zeros(0, np.float32))


def _point(record: Record, x: float, y: float, group: int, chosen: bool, mine: bool, settings: MemorySettings) -> Point:
    shown = mine or not settings.private
    return Point(
        x=x,
        y=y,
        group=group,
        chosen=chosen,
        mine=mine,
        title=record.title if shown else "",
        text=record.text[:MAX_CHARS] if shown else "",
        n_chars=len(record.text) if shown else 0,
        rating=record.rating if shown else None,
        timestamp=record.timestamp if shown else 0,
    )
