"""Which LLM a checkpoint was made from: by the digest of its token embeddings, without loading it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from unlike.errors import InputError
from unlike.latent.shards import CHUNK_ROWS, Shards

EMBEDDINGS = "model.embed_tokens.weight"


@dataclass(frozen=True, slots=True)
class BaseLLM:
    """What an adapter says of its LLM.

    Attributes:
        name: What ``LocalModel`` calls it.
        digest: SHA-256 of its token embeddings.
        length: Their mean length.
    """

    name: str
    digest: str
    length: float


def base_in_checkpoint(own: Shards, n_rows: int, name: str) -> BaseLLM:
    """The LLM as the first rows of the checkpoint itself."""
    digest, length = hash_of_rows(own.chunks(EMBEDDINGS, n_rows))
    return BaseLLM(f"base of {name}", digest, length)


def base_in_folder(own: Shards, n_rows: int, folder: Path) -> BaseLLM:
    """The LLM of a folder, whose first rows must be the checkpoint's.

    Raises:
        InputError: They are not, or the folder holds no LLM.
    """
    base = Shards(folder)
    base.require([EMBEDDINGS])
    shape, wanted = base.shape(EMBEDDINGS), own.shape(EMBEDDINGS)
    if shape[0] < n_rows or shape[1:] != wanted[1:]:
        raise InputError(
            f"LLM {folder}: its token embeddings are {shape}, those of the checkpoint ({n_rows}, {wanted[-1]}) "
            "without the added tokens; give the LLM the checkpoint was trained on"
        )
    pairs = zip(own.chunks(EMBEDDINGS, n_rows), base.chunks(EMBEDDINGS, n_rows), strict=True)
    for number, (mine, theirs) in enumerate(pairs):
        if not torch.equal(mine, theirs.to(mine.dtype)):
            raise InputError(
                f"LLM {folder}: its token embeddings are not the checkpoint's, in rows from {number * CHUNK_ROWS} on; "
                "give the LLM the checkpoint was trained on"
            )
    digest, length = hash_of_rows(base.chunks(EMBEDDINGS, shape[0]))
    return BaseLLM(f"{folder.resolve().name}#{digest[:12]}", digest, length)


def hash_of_rows(chunks: Iterable[Tensor]) -> tuple[str, float]:
    """What ``embeddings_hash`` gives for all rows at once, and the mean length of the rows."""
    digest, total, n_rows = hashlib.sha256(), 0.0, 0
    for chunk in chunks:
        rows = chunk.float()
        digest.update(rows.numpy().astype("<f4").tobytes())
        total, n_rows = total + float(rows.norm(dim=1).sum()), n_rows + len(rows)
    return digest.hexdigest(), total / max(1, n_rows)
