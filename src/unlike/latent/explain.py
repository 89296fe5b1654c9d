"""Which records, differences and latent units contributed to a text, and which records a unit is active for.

A text is scored given its soft prompt, and again with a part of the prompt's vectors replaced by an uninformative mean;
the drop in its log-probability is what the part contributed. The records' words stay in the prompt, so this measures what the
vectors add to them. Several parts may contribute the same, so the contributions do not add up to the whole.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.latent.adapter import Adapter, Prompter
from unlike.latent.difference import Floats
from unlike.latent.examples import Example
from unlike.latent.modules import DepModule, row, standard_of
from unlike.latent.settings import AdapterSettings, Signal
from unlike.llm.soft_prompt import Scorer
from unlike.records import Generation, Record

ALL = ""
"""Stands for the id of a record where a contribution is that of all records together."""
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class VectorShare:
    """What a vector contributed.

    Attributes:
        record_id: Id of the record; ALL for the vectors of all records together.
        signal: "his" or "diff".
        change: Mean log-probability per token with the vector, minus that without; above 0 it made the text likelier.
    """

    record_id: str
    signal: Signal
    change: float


@dataclass(frozen=True, slots=True)
class UnitShare:
    """What a latent unit contributed.

    Attributes:
        unit: Its number.
        activation: Mean over the vectors that the prompt shows.
        change: As in VectorShare, with the unit at 0 in all of them.
    """

    unit: int
    activation: float
    change: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What contributed to a text.

    Attributes:
        loglik: Mean log-probability per token given the whole prompt.
        n_tokens: Tokens of the text.
        vectors: One for each record and difference, and for all together; a record without peers has no difference.
        units: The most active first.
    """

    loglik: float
    n_tokens: int
    vectors: tuple[VectorShare, ...]
    units: tuple[UnitShare, ...]


@dataclass(frozen=True, slots=True)
class TopRecord:
    """A record and how active a unit is for it."""

    record_id: str
    activation: float


@dataclass(frozen=True, slots=True)
class Unit:
    """A latent unit over a corpus.

    Attributes:
        usual: Its mean activation; a unit that is equally active everywhere distinguishes no one.
        top: The records it is most active for, the most active first.
    """

    usual: float
    top: tuple[TopRecord, ...]


async def explain(
    prompter: Prompter, example: Example, text: Sequence[int], scorer: Scorer, n_units: int = 5
) -> Explanation:
    """Which parts of an example's soft prompt contributed to a text.

    Args:
        prompter: Has an adapter of kind "dep".
        example: The case.
        text: Token ids of a text, generated or real.
        scorer: The frozen LLM.
        n_units: Number of units to test: the most active ones of the case.

    Raises:
        InputError: There is nothing to explain: another kind of adapter, no records, no text.
        CallFailed: A score failed.
    """
    module = dep_module(prompter.adapter)
    if not len(text) or not example.shown.any():
        raise InputError(f"case {example.case.id!r}: no text or no records to explain it by; choose another case")
    bank = prompter.bank(example)
    vectors, units = without_vectors(module, example, bank), most_active(module, example, n_units)
    banks = [bank, *vectors.values(), *(without_unit(module, example, bank, unit) for unit, _ in units)]
    whole, *left = await logliks(prompter, example, text, scorer, banks)
    changes = iter(whole - value for value in left)
    return Explanation(
        loglik=whole,
        n_tokens=len(text),
        vectors=tuple(VectorShare(*part, next(changes)) for part in vectors),
        units=tuple(UnitShare(*unit, next(changes)) for unit in units),
    )


async def logliks(
    prompter: Prompter, example: Example, text: Sequence[int], scorer: Scorer, banks: Sequence[Floats]
) -> list[float]:
    """Mean log-probability per token of a text given an example's prompt, with each bank's vectors: (n_soft, hidden).

    Banks that differ only where the prompt shows nothing make one prompt, so a vector that the LLM cannot see changes exactly 0.
    """
    prompts = [prompter.soft_prompt(example, bank) for bank in banks]
    distinct = {prompt.digest: prompt for prompt in prompts}
    ids = np.asarray(text, np.int64)
    scores = await asyncio.gather(*(scorer.logprobs(prompt, ids) for prompt in distinct.values()))
    means = {digest: float(score.mean()) for digest, score in zip(distinct, scores, strict=True)}
    return [means[prompt.digest] for prompt in prompts]


def without_vectors(module: DepModule, example: Example, bank: Floats) -> dict[tuple[str, Signal], Floats]:
    """The bank with one vector mean-ablated, for every vector; and with all of a signal, under the id ALL."""
    found: dict[tuple[str, Signal], Floats] = {}
    for signal in module.settings.signals:
        places = _existing(example, signal)
        soft = mean_ablated(module, example, signal, places)
        for place, own in zip(places, soft, strict=True):
            part = example.past.record_ids[place], signal
            found[part] = placed(module.settings, bank, signal, own, np.array([place]))
        if len(places):
            found[ALL, signal] = placed(module.settings, bank, signal, soft, places)
    return found


@torch.no_grad()
def without_unit(module: DepModule, example: Example, bank: Floats, unit: int) -> Floats:
    """The bank with a unit at 0 in every vector that the prompt shows (p = M(z), DEP, equation 6)."""
    for signal in module.settings.signals:
        places = _shown(example, signal)
        latent = activations(module, signal, _vectors(example, signal)[places])
        latent[:, unit] = 0
        soft = module.soft_tokens(signal, latent, torch.from_numpy(places))
        bank = placed(module.settings, bank, signal, soft.numpy(), places)
    return bank


def most_active(module: DepModule, example: Example, n: int) -> list[tuple[int, float]]:
    """The n units with the highest mean activation over the vectors that the prompt shows, and that activation."""
    latent = torch.cat(
        [
            activations(module, signal, _vectors(example, signal)[_shown(example, signal)])
            for signal in module.settings.signals
        ]
    )
    if not len(latent):
        return []
    values, units = latent.mean(dim=0).sort(descending=True, stable=True)
    return list(zip(units[:n].tolist(), values[:n].tolist(), strict=True))


@torch.no_grad()
def mean_ablated(module: DepModule, example: Example, signal: Signal, places: Ints) -> Floats:
    """The soft tokens at some places of a signal's mean vector, which depends on no single record: (places, tokens, hidden).

    The mean is that of the training vectors where the adapter standardises, else of the vectors that the example's prompt
    shows; a single vector is then its own mean and carries nothing.
    """
    if module.settings.standardise:
        mean = standard_of(module, signal).mean.numpy()
    else:
        own = _vectors(example, signal)[_shown(example, signal)]
        mean = own.sum(axis=0) / max(1, len(own))
    latent = activations(module, signal, mean[None]).expand(len(places), -1)
    return module.soft_tokens(signal, latent, torch.from_numpy(places)).numpy()


def placed(settings: AdapterSettings, bank: Floats, signal: Signal, soft: Floats, places: Ints) -> Floats:
    """A copy of a bank with other soft tokens for some records; markers stay.

    Args:
        settings: Settings of the adapter.
        bank: (n_soft, hidden).
        signal: Signal whose soft tokens are replaced.
        soft: (tokens, hidden) for all of the records, or (records, tokens, hidden).
        places: (records,) indices of the records in the example.
    """
    starts = np.asarray([row(settings, signal, int(place)) for place in places], np.int64)
    changed = bank.copy()
    changed[starts[:, None] + 1 + np.arange(settings.tokens_per_vector)] = soft
    return changed


def dep_module(adapter: Adapter) -> DepModule:
    """The module of an adapter whose vectors each belong to a record.

    Raises:
        InputError: The adapter is of another kind.
    """
    if not isinstance(adapter.module, DepModule):
        raise InputError(
            f"adapter of kind {adapter.settings.kind!r}: its vectors belong to no single record; only kind 'dep' has "
            "vectors of records and differences"
        )
    return adapter.module


@torch.no_grad()
def activations(module: DepModule, signal: Signal, vectors: Floats) -> torch.Tensor:
    """How active each unit is, z = enc(e) (DEP, equation 5): (n, d) embeddings of a signal -> (n, d')."""
    return module.latent(signal, torch.tensor(vectors))


def top_records(adapter: Adapter, encoder: Encoder, records: Sequence[Record], k: int, batch: int = 256) -> list[Unit]:
    """For every unit the k records whose own vectors (e_his) make it most active; ties go to the first.

    Args:
        adapter: Adapter of kind "dep" with the signal "his".
        encoder: The adapter's encoder, with a cache.
        records: All records of the corpus.
        k: Maximum number of records per unit.
        batch: Records encoded at once; memory depends on it and on k, not on the corpus.

    Raises:
        InputError: The adapter has no vectors of records.
    """
    module = dep_module(adapter)
    if "his" not in module.settings.signals:
        raise InputError("top records of units: the adapter was trained on differences alone; use one with signal his")
    width = module.reducer.width
    values, places, total = torch.zeros(0, width), torch.zeros(0, width, dtype=torch.int64), torch.zeros(width)
    for first in range(0, len(records), batch):
        found = activations(module, "his", encoder.encode([record.text for record in records[first : first + batch]]))
        here = torch.arange(first, first + len(found)).unsqueeze(1).expand_as(found)
        values, order = torch.cat([values, found]).sort(dim=0, descending=True, stable=True)
        values, places = values[:k], torch.cat([places, here]).gather(0, order)[:k]
        total += found.sum(dim=0)
    usual = (total / max(1, len(records))).tolist()
    columns = zip(usual, values.T.tolist(), places.T.tolist(), strict=True)
    return [
        Unit(mean, tuple(TopRecord(records[place].id, value) for place, value in zip(at, top, strict=True)))
        for mean, top, at in columns
    ]


def check_same(made: Generation, example: Example, prompter: Prompter) -> None:
    """Check that the prompt made now is that of the run, as far as the trace shows.

    Raises:
        InputError: It is not.
    """
    soft, call = made.trace.get("soft"), made.trace.get("generate", {})
    if soft is None and made.status == "done":
        raise InputError(f"case {made.case_id!r}: the user had no records, so the prompt had no vectors")
    if soft and soft["adapter"] != prompter.adapter.digest:
        raise InputError(f"case {made.case_id!r}: the run had another adapter; give the run's own --adapter")
    if soft and call["prompt_tokens"] != len(example.token_ids):
        raise InputError(
            f"case {made.case_id!r}: the prompt has {len(example.token_ids)} tokens now, {call['prompt_tokens']} in the "
            "run; give the run's own --corpus and --prompts"
        )


def _vectors(example: Example, signal: Signal) -> Floats:
    return example.past.his if signal == "his" else example.past.diff


def _existing(example: Example, signal: Signal) -> Ints:
    """Indices of the records that have a vector of a signal, shown or not."""
    return np.flatnonzero(example.past.n_peers > 0 if signal == "diff" else np.ones_like(example.shown))


def _shown(example: Example, signal: Signal) -> Ints:
    """Indices of the records whose vector of a signal the prompt shows."""
    places = _existing(example, signal)
    return places[example.shown[places]]
