"""Vectors of stored records for an adapter: those of the store, which were made when the records came in.

An adapter asks for vectors by text, the store keeps them by record; so texts are remembered, as hashes, when their
records are read. What the store has no vector for (a record that came in a moment ago, a request) is encoded.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from unlike.embed.encoder import Encoder, Vectors
from unlike.store import embeddings
from unlike.store.database import Tenant
from unlike.store.records import Stored

MAX_REMEMBERED = 100_000
"""Texts whose record is remembered; some 20 MB."""


class StoredVectors:
    """An encoder that looks into the store first.

    Args:
        tenant: Whose records.
        encoder: Of what is not there.
    """

    def __init__(self, tenant: Tenant, encoder: Encoder) -> None:
        self._tenant, self._encoder = tenant, encoder
        self._numbers = OrderedDict[bytes, int]()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The name of the encoder behind."""
        return self._encoder.name

    def seen(self, stored: Sequence[Stored]) -> None:
        """Remember the records of these texts."""
        with self._lock:
            for one in stored:
                self._numbers[_hash(one.record.text)] = one.number
            while len(self._numbers) > MAX_REMEMBERED:
                self._numbers.popitem(last=False)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32."""
        with self._lock:
            numbers = [self._numbers.get(_hash(text)) for text in texts]
        with self._tenant.read() as tx:
            kept = embeddings.of_records(tx, self.name, [number for number in numbers if number is not None])
        rows = [None if number is None else kept.get(number) for number in numbers]
        missing = [text for text, row in zip(texts, rows, strict=True) if row is None]
        new = iter(self._encoder.encode(missing) if missing else [])
        whole = [next(new) if row is None else row for row in rows]
        return np.stack(whole) if whole else self._encoder.encode([])


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
