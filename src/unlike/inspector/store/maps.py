"""The difference map: all texts on an item as points in a plane, with who is compared with whom (DPL, equation 4).

It is made of stored vectors alone and asks no LLM. Consent is kept as everywhere: texts of others are those of people who
agree to be compared, without any id; a user who does not agree to the use of own records is not on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unlike.config import SelectorName
from unlike.embed.encoder import Encoder, Vectors
from unlike.memory.profile_pages import known_user
from unlike.memory.representatives import clustered_set
from unlike.memory.settings import MemorySettings
from unlike.peers.selectors import KMeansSelector, Selector, open_selector
from unlike.records import Item, Record
from unlike.store import embeddings, records, users
from unlike.store.database import Tenant, Tx
from unlike.store.embeddings import Vector
from unlike.store.items import items_with_ids
from unlike.store.records import Stored, Unknown
from unlike.store.tables import ITEMS, RECORDS, USERS

MOST_TEXTS = 5_000
"""On a map, the latest; more cannot be told apart by eye."""
MOST_CHARS = 2_000
"""Of each text on a map."""
USUAL = ""
"""Record id of the stand-in for a user who wrote nothing on the item."""

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
        text: Its beginning; "" where the settings show figures of others only.
        n_chars: Its whole length.
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
    """A user among those who wrote on an item.

    Attributes:
        place: Where the user stands: at the own text on the item, at the mean of all own texts, or nowhere.
        why: Why the user or the others are not shown, in words; "" where they are.
        n_others: People besides the user who wrote on it and agree to be compared.
        n_left_out: Of them, those who are not on the map: without a vector yet, or more than it holds.
        explained: Shares of what sets the texts apart that the two directions show.
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
class OnMap:
    """What a map is drawn from.

    Attributes:
        target: The user's own record, or one that stands in for it; None for nobody.
        others: One record of each other person.
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
        """All points, the user's first."""
        return [*([self.target] if self.target else []), *self.others]


def read(tenant: Tenant, user_id: str, item_id: str, encoder: Encoder, settings: MemorySettings) -> OnMap:
    """What there is for a map.

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
        mine = records.read(tx, RECORDS.c.user == user) if own else []
        known = _few(others, settings)
        kept = embeddings.of_records(tx, encoder.name, [one.number for one in (*known, *mine)])
    target, at = _target(user_id, item_id, mine, kept, encoder)
    placed = [one for one in known if one.number in kept]
    vectors = {one.record.id: kept[one.number] for one in placed} | ({target.id: at} if target else {})
    why = _why(own, len(others), settings)
    return OnMap(user, item, target, [one.record for one in placed], vectors, len(others), why)


def drawn(user_id: str, there: OnMap, k: int, selector: SelectorName, settings: MemorySettings) -> DifferenceMap:
    """The map of what was read.

    Args:
        user_id: Whose map.
        there: From ``read``.
        k: K, how many representatives are chosen.
        selector: How.
        settings: The seed, and whether others' words are shown.
    """
    shown = there.shown
    rows = np.stack([there.vectors[record.id] for record in shown]) if shown else np.zeros((0, 2), np.float32)
    given = Given({record.text: there.vectors[record.id] for record in shown})
    kmeans = KMeansSelector(given, settings.method.seed)
    group_of = kmeans.clustering(shown, k + 1).group_of if shown else {}
    choice = kmeans if selector == "kmeans" else open_selector(selector, given, settings.method.seed)
    chosen = {record.id for record in representatives(there, k, choice)}
    places, explained = plane(rows)
    place: Place = "none" if there.target is None else "usual" if there.target.id == USUAL else "text"
    return DifferenceMap(
        user_id=user_id,
        item_id=there.item.id,
        item_title=there.item.title,
        k=k,
        selector=selector,
        place=place,
        why=there.why,
        n_others=there.n_others,
        n_left_out=there.n_others - len(there.others),
        explained=explained,
        points=tuple(
            _point(record, x, y, group_of[record.id], record.id in chosen, record is there.target, settings)
            for record, (x, y) in zip(shown, places.tolist(), strict=True)
        ),
    )


def representatives(there: OnMap, k: int, choice: Selector) -> list[Record]:
    """The K that the user's text is compared with; nobody where there is no such text."""
    return choice.select(there.target, there.others, k) if there.target else []


class Given:
    """An encoder of texts whose vectors are at hand."""

    name = "given"

    def __init__(self, vectors: Mapping[str, Vector]) -> None:
        self._vectors = vectors

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim) float32."""
        return np.stack([self._vectors[text] for text in texts])


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
    """One record of each other person on the item who agrees to be compared, the latest people first."""
    there = records.read(tx, ITEMS.c.item_id == item_id, USERS.c.peer, RECORDS.c.user != user)
    return sorted(clustered_set(there), key=lambda one: one.record.moment, reverse=True)


def _few(others: Sequence[Stored], settings: MemorySettings) -> Sequence[Stored]:
    """Those who may be shown: nobody where they are so few that each would show."""
    return others[:MOST_TEXTS] if len(others) >= settings.min_peers else ()


def _why(own: bool, n_others: int, settings: MemorySettings) -> str:
    if not own:
        return "this user does not agree to the use of own records"
    if n_others >= settings.min_peers:
        return ""
    return f"others on this item who agree to be compared: {n_others}; from {settings.min_peers} on they are shown"


def _target(
    user_id: str, item_id: str, mine: Sequence[Stored], kept: Mapping[int, Vector], encoder: Encoder
) -> tuple[Record | None, Vector]:
    """The user's own record on the item with its vector; without one, a stand-in at the mean of all own texts."""
    nowhere = np.zeros(0, np.float32)
    own = [one for one in mine if one.record.item_id == item_id]
    if own:
        latest = own[-1]
        return latest.record, kept[latest.number] if latest.number in kept else encoder.encode([latest.record.text])[0]
    usual = [kept[one.number] for one in mine if one.number in kept]
    if not usual:
        return None, nowhere
    return Record(USUAL, user_id, item_id, ""), np.mean(usual, axis=0)


def _point(record: Record, x: float, y: float, group: int, chosen: bool, mine: bool, settings: MemorySettings) -> Point:
    shown = mine or not settings.private
    return Point(
        x=x,
        y=y,
        group=group,
        chosen=chosen,
        mine=mine,
        title=record.title if shown else "",
        text=record.text[:MOST_CHARS] if shown else "",
        n_chars=len(record.text),
        rating=record.rating if shown else None,
        timestamp=record.timestamp,
    )
