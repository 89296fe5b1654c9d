"""Examples as the tensors of one forward pass.

The tokens that all prompts begin with are kept apart: no soft vector precedes them, so the LLM reads them once and
without gradient. The rest is padded on the left, so that all target texts end at the same column and the LLM computes
logits only there. Neither changes a vector or a loss.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unlike.latent.examples import Example
from unlike.latent.modules import Inputs

BUCKET_BATCHES = 16
"""Batches that are sorted by length together: little padding, and still a random order."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A batch of examples.

    Attributes:
        beginning: (p,) int64 tokens that all prompts begin with, before any soft vector.
        token_ids: (batch, n) int64 the rest of prompt and target, left-padded with 0.
        slots: (batch, n) int64 rows of the bank; -1 for a token.
        attend: (batch, n) int64; 0 for padding.
        targets: (batch, t) int64, left-padded with 0.
        learned: (batch, t) bool, targets that are not padding.
        inputs: The vectors.
    """

    beginning: Tensor
    token_ids: Tensor
    slots: Tensor
    attend: Tensor
    targets: Tensor
    learned: Tensor
    inputs: Inputs

    @property
    def n_tokens(self) -> int:
        """Tokens that are not padding."""
        return int(self.attend.sum()) + len(self.attend) * len(self.beginning)

    def to(self, device: torch.device | str) -> "Batch":
        """The batch on another device."""
        inputs = Inputs(*(getattr(self.inputs, field.name).to(device) for field in fields(Inputs)))
        own = {field.name: getattr(self, field.name) for field in fields(Batch) if field.name != "inputs"}
        return Batch(inputs=inputs, **{name: tensor.to(device) for name, tensor in own.items()})


def collate(examples: Sequence[Example], n_records: int) -> Batch:
    """Pad examples to one batch; ``n_records`` as in the adapter's settings."""
    p = len_of_beginning(examples)
    whole = [np.concatenate([example.token_ids[p:], example.target_ids]) for example in examples]
    slots = [np.concatenate([e.slots[p:], np.full(len(e.target_ids), -1, np.int64)]) for e in examples]
    targets = [example.target_ids for example in examples]
    return Batch(
        beginning=torch.from_numpy(examples[0].token_ids[:p].copy()),
        token_ids=_left_padded(whole, 0),
        slots=_left_padded(slots, -1),
        attend=_left_padded([np.ones(len(ids), np.int64) for ids in whole], 0),
        targets=_left_padded(targets, 0),
        learned=_left_padded([np.ones(len(ids), np.int64) for ids in targets], 0).bool(),
        inputs=inputs_of(examples, n_records),
    )


def len_of_beginning(examples: Sequence[Example]) -> int:
    """Number of tokens that all prompts begin with, before any soft vector; at least one token of each is left."""
    most = min(len(example.token_ids) for example in examples) - 1
    tokens = np.stack([example.token_ids[:most] for example in examples])
    soft = np.stack([example.slots[:most] for example in examples]) >= 0
    ends = np.flatnonzero((soft | (tokens != tokens[0])).any(axis=0))
    return int(ends[0]) if len(ends) else most


def inputs_of(examples: Sequence[Example], n_records: int) -> Inputs:
    """The vectors of examples, padded to ``n_records`` rows each."""
    his = np.zeros((len(examples), n_records, len(examples[0].request)), np.float32)
    diff, shown, compared = np.zeros_like(his), np.zeros(his.shape[:2], bool), np.zeros(his.shape[:2], bool)
    for place, example in enumerate(examples):
        rows = slice(example.first_place, example.first_place + len(example.shown))
        if not len(example.shown):  # an encoder that encoded nothing may not know its width
            continue
        his[place, rows], diff[place, rows] = example.past.his, example.past.diff
        shown[place, rows] = example.shown
        compared[place, rows] = example.shown & (example.past.n_peers > 0)
    tensors = (torch.from_numpy(array) for array in (his, diff, shown, compared))
    return Inputs(*tensors, request=torch.from_numpy(np.stack([example.request for example in examples])))


def with_in_batch_negatives(batch: Batch) -> Batch:
    """The batch with each example's vectors replaced by those of the one before it, repeated where there are fewer."""
    inputs = batch.inputs
    n_rows = inputs.his.shape[1]
    real = inputs.his.abs().sum(dim=-1).gt(0).roll(1, 0)
    counts = real.sum(dim=1, keepdim=True).clamp(min=1)
    real_first = real.int().argsort(dim=1, descending=True, stable=True)
    each = torch.arange(len(counts), device=counts.device).unsqueeze(1)
    taken = real_first[each, torch.arange(n_rows, device=counts.device).unsqueeze(0) % counts]
    his, diff, compared, request = (
        rows.roll(1, 0) for rows in (inputs.his, inputs.diff, inputs.compared, inputs.request)
    )
    others = Inputs(his[each, taken], diff[each, taken], inputs.shown, compared[each, taken] & inputs.shown, request)
    return replace(batch, inputs=others)


def batches(lengths: Sequence[int], size: int, seed: int, epoch: int) -> Iterator[list[int]]:
    """Indices of examples of similar length, batch by batch; the order depends on seed and epoch alone."""
    draw = Random(f"{seed} {epoch}")
    order = list(range(len(lengths)))
    draw.shuffle(order)
    found = list[list[int]]()
    for start in range(0, len(order), size * BUCKET_BATCHES):
        bucket = sorted(order[start : start + size * BUCKET_BATCHES], key=lambda place: lengths[place])
        found += [bucket[first : first + size] for first in range(0, len(bucket), size)]
    draw.shuffle(found)
    yield from found


def _left_padded(rows: Sequence[NDArray[np.int64]], filler: int) -> Tensor:
    """Rows padded on the left: (rows, longest)."""
    padded = np.full((len(rows), max(map(len, rows))), filler, np.int64)
    for place, row in enumerate(rows):
        padded[place, padded.shape[1] - len(row) :] = row
    return torch.from_numpy(padded)
