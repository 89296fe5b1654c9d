"""The bank of a kind whose soft vectors each belong to a record, and where in it each of them stands.

A vector is a start marker, its soft tokens and an end marker; those of a signal follow each other by record.
"""

import torch
from torch import Tensor

from unlike.latent.settings import AdapterSettings


def row(settings: AdapterSettings, signal: str, record: int) -> int:
    """First row of the bank for a record's vector of a signal."""
    place = settings.signals.index(signal) * settings.n_records + record  # type: ignore[arg-type]
    return place * (settings.tokens_per_vector + 2)


def n_rows(settings: AdapterSettings) -> int:
    """Rows of the bank."""
    return len(settings.signals) * settings.n_records * (settings.tokens_per_vector + 2)


def marked(markers: Tensor, signal: str, soft: Tensor) -> Tensor:
    """The rows of a signal: its markers around the soft tokens of each record.

    Args:
        markers: (4, hidden) as in Space.
        signal: "his" or "diff".
        soft: (..., records, tokens, hidden).

    Returns:
        (..., records * (tokens + 2), hidden).
    """
    before, after = markers[2 * (signal == "diff") :][:2]
    shape = (*soft.shape[:-2], 1, soft.shape[-1])
    return torch.cat([before.expand(shape), soft, after.expand(shape)], dim=-2).flatten(-3, -2)
