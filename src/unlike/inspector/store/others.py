"""Records of others on an item: chosen by their stored vectors, so that only the texts of those chosen are decrypted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from unlike.embed.encoder import Encoder, KnownVectors
from unlike.memory.vectors import StoredVectors
from unlike.peers.selectors import Selector, open_selector
from unlike.records import END_OF_TIME, Record
from unlike.settings import SelectorName
from unlike.store import embeddings, records
from unlike.store.batches import batches
from unlike.store.database import Tenant, Tx
from unlike.store.records import StoredRecords
from unlike.store.tables import ITEMS, RECORDS, USERS


class PeersWithoutTexts(StoredRecords):
    """A tenant's records, those of others without their texts; none on items with too few others to hide who wrote what.

    Args:
        tenant: The tenant.
        user_id: The user of the request.
        min_peers: Minimum number of others.
        vectors: Is given the own records that are read.
    """

    def __init__(self, tenant: Tenant, user_id: str, min_peers: int, vectors: StoredVectors) -> None:
        super().__init__(tenant, vectors.seen)
        self._user_id, self._min_peers = user_id, min_peers

    def peers(self, item_id: str, before: int | None) -> Sequence[Record]:
        """All records on an item that others may be compared with, for ``StoredVectorSelector``; none if too few others wrote."""
        limit = END_OF_TIME[0] if before is None else before
        with self._tenant.read() as tx:
            there = (ITEMS.c.item_id == item_id, USERS.c.peer, RECORDS.c.timestamp < limit)
            found = [one.record for one in records.without_texts(tx, *there)]
        others = {record.user_id for record in found} - {self._user_id}
        return found if len(others) >= self._min_peers else []


@dataclass(frozen=True)
class StoredVectorSelector:
    """Selects records by their stored vectors, with a selector given by name, and decrypts the texts of those it selects.

    Attributes:
        tenant: Tenant of the records.
        encoder: Encodes texts that have no stored vector.
        name: Name of the selector.
        seed: Seed of the selector.
    """

    tenant: Tenant
    encoder: Encoder
    name: SelectorName
    seed: int

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """At most k of the peers' records, with their texts; without those that may no longer be compared."""
        wanted = {peer.id for peer in peers}
        with self.tenant.read() as tx:
            on_item = records.without_texts(tx, ITEMS.c.item_id == target.item_id, USERS.c.peer)
            there = [one for one in on_item if one.record.id in wanted]
            kept = embeddings.of_records(tx, self.encoder.name, [one.number for one in there])
            new = records.with_numbers(tx, [one.number for one in there if one.number not in kept])
        encoded = self.encoder.encode([target.text, *(one.record.text for one in new.values())])
        kept |= dict(zip(new, encoded[1:], strict=True))
        vectors = {one.record.id: kept[one.number] for one in there} | {target.id: encoded[0]}
        choice = open_selector(self.name, KnownVectors(vectors), self.seed)
        selected = chosen(choice, target, [one.record for one in there], k)
        with self.tenant.read() as tx:
            return decrypted(tx, selected)


def chosen(choice: Selector, target: Record, others: Sequence[Record], k: int) -> list[Record]:
    """The records that a selector chooses; it looks up vectors by record id."""
    by_id = {other.id: other for other in others}
    return [by_id[one.id] for one in choice.select(keyed(target), [keyed(other) for other in others], k)]


def keyed(record: Record) -> Record:
    """The record with its id in place of its text, for a selector that looks up vectors by record id."""
    return replace(record, text=record.id)


def decrypted(tx: Tx, others: Sequence[Record]) -> list[Record]:
    """The records with their texts, in the given order; without those that may no longer be compared with others."""
    found = {
        one.record.id: one.record
        for batch in batches([other.id for other in others])
        for one in records.read(tx, RECORDS.c.tenant == tx.tenant, RECORDS.c.record_id.in_(batch), USERS.c.peer)
    }
    return [found[other.id] for other in others if other.id in found]
