"""Latent units of the autoencoder: how active they are, and which records of a corpus show what one stands for."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.latent.adapter import Adapter
from unlike.latent.difference import Floats
from unlike.latent.settings import Signal
from unlike.latent.soft_prompts import SoftPrompts
from unlike.records import Record


@dataclass(frozen=True, slots=True)
class TopRecord:
    """A record and how active a unit is for it."""

    record_id: str
    activation: float


@dataclass(frozen=True, slots=True)
class Unit:
    """What a latent unit does over a corpus.

    Attributes:
        usual: Its mean activation; a unit that is as active everywhere says little about anybody.
        top: The records it is most active for, the most active first.
    """

    usual: float
    top: tuple[TopRecord, ...]


def dep_module(adapter: Adapter) -> SoftPrompts:
    """The module of an adapter whose vectors each belong to a record.

    Raises:
        InputError: The adapter is of another kind.
    """
    if not isinstance(adapter.module, SoftPrompts):
        raise InputError(
            f"adapter of kind {adapter.settings.kind!r}: its vectors belong to no single record; only kind 'dep' has "
            "vectors of records and differences"
        )
    return adapter.module


@torch.no_grad()
def activations(module: SoftPrompts, signal: Signal, vectors: Floats) -> Tensor:
    """How active each unit is, z = enc(e) (DEP, equation 5): (n, d) embeddings of a signal -> (n, d')."""
    return module.reducer.encode(module.standards[signal](torch.tensor(vectors)))


def top_records(adapter: Adapter, encoder: Encoder, records: Sequence[Record], k: int, batch: int = 256) -> list[Unit]:
    """For every unit the k records whose own vectors (e_his) make it most active; of equal ones the first.

    Args:
        adapter: Of kind "dep", with the signal "his".
        encoder: The adapter's, behind a cache.
        records: The corpus.
        k: Records a unit, at most.
        batch: Records encoded together; memory depends on it and on k, not on the corpus.

    Raises:
        InputError: The adapter has no vectors of records.
    """
    module = dep_module(adapter)
    if "his" not in module.settings.signals:
        raise InputError("top records of units: the adapter was trained on differences alone; use one with signal his")
    values, places = torch.zeros(0, module.reducer.width), torch.zeros(0, module.reducer.width, dtype=torch.int64)
    total = torch.zeros(module.reducer.width)
    for first in range(0, len(records), batch):
        texts = [record.text for record in records[first : first + batch]]
        found = activations(module, "his", encoder.encode(texts))
        here = torch.arange(first, first + len(found)).unsqueeze(1).expand_as(found)
        values, order = torch.cat([values, found]).sort(dim=0, descending=True, stable=True)
        values, places = values[:k], torch.cat([places, here]).gather(0, order)[:k]
        total += found.sum(dim=0)
    usual = (total / max(1, len(records))).tolist()
    return [_unit(records, *column) for column in zip(usual, values.T.tolist(), places.T.tolist(), strict=True)]


def _unit(records: Sequence[Record], usual: float, values: Sequence[float], places: Sequence[int]) -> Unit:
    top = (TopRecord(records[place].id, value) for place, value in zip(places, values, strict=True))
    return Unit(usual, tuple(top))
