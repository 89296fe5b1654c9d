"""A cache of vectors on disk: a text is encoded once per model, whichever run asks for it.

One SQLite file per folder, keyed by the hash of (encoder name, text). Threads and processes may share it.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from unlike.embed.encoder import CutsTexts, Encoder, Vectors
from unlike.errors import InputError

_MAX_PARAMETERS = 500  # of one SQLite query
TEXTS_AT_ONCE = 256
"""Texts that are encoded and stored together."""


class CachedEncoder:
    """An Encoder that stores the vectors of another one, and calls it only for texts that are not stored yet.

    Args:
        encoder: Encodes the texts that are not stored yet.
        path: The SQLite file; made with its folders where absent.
        on_progress: Where there are more than ``TEXTS_AT_ONCE`` new texts, called after each batch with (n_done, n_total).

    Raises:
        InputError: The file cannot be opened or is not a cache.
    """

    def __init__(
        self, encoder: Encoder, path: Path, on_progress: Callable[[int, int], None] = lambda n_done, n_total: None
    ) -> None:
        self._encoder = encoder
        self._on_progress = on_progress
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=60)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._db.execute("create table if not exists vectors (key blob primary key, vector blob) without rowid")
        except (sqlite3.Error, OSError) as error:
            raise InputError(f"embedding cache {path} cannot be used: {error}; remove it or name another") from error

    @property
    def name(self) -> str:
        """The wrapped encoder's name."""
        return self._encoder.name

    def read_share(self, texts: Sequence[str]) -> tuple[int, float] | None:
        """As ``CutsTexts``, of the wrapped encoder."""
        return self._encoder.read_share(texts) if isinstance(self._encoder, CutsTexts) else None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32; (0, 0) without texts."""
        keys = [self._key(text) for text in texts]
        with self._lock:
            known = self._read(keys)
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            if missing:
                known |= self._encode_and_store(missing)
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, 0), dtype=np.float32)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._encoder.name}\0{text}".encode()).digest()

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        unique = list(dict.fromkeys(keys))
        for start in range(0, len(unique), _MAX_PARAMETERS):
            batch = unique[start : start + _MAX_PARAMETERS]
            placeholders = ",".join("?" * len(batch))
            for key, blob in self._db.execute(f"select key, vector from vectors where key in ({placeholders})", batch):
                found[key] = np.frombuffer(blob, dtype=np.float32)
        return found

    def _encode_and_store(self, missing: dict[bytes, str]) -> dict[bytes, Vectors]:
        """Encode in batches, each of which is stored before the next one begins."""
        items, new = list(missing.items()), dict[bytes, Vectors]()
        for start in range(0, len(items), TEXTS_AT_ONCE):
            batch = dict(items[start : start + TEXTS_AT_ONCE])
            encoded = dict(zip(batch, self._encoder.encode(list(batch.values())), strict=True))
            with self._db:
                self._db.executemany(
                    "insert or ignore into vectors values (?, ?)",
                    [(key, vector.tobytes()) for key, vector in encoded.items()],
                )
            new |= encoded
            if len(items) > TEXTS_AT_ONCE:
                self._on_progress(len(new), len(items))
        return new
