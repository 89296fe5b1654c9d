"""Which records, differences and latent units carried a text.

A text is scored behind its soft prompt, and again with one part of the prompt's vectors made ordinary; what the text
loses by that is what the part carried. The records' words stay in the prompt, so this is what the vectors say beyond
them. Parts overlap: what one record says may be said by another too, so shares do not add up to the whole.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from unlike.errors import InputError
from unlike.latent.bank import row
from unlike.latent.difference import Floats
from unlike.latent.examples import Example
from unlike.latent.prompter import Prompter
from unlike.latent.settings import AdapterSettings, Signal
from unlike.latent.soft_prompts import SoftPrompts
from unlike.latent.standard import Standard
from unlike.latent.units import activations, dep_module
from unlike.llm.soft import Scorer
from unlike.records import Generation

ALL = ""
"""Stands for all records at once where a record id is asked for."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class VectorShare:
    """What a vector carried.

    Attributes:
        record_id: Of the record; ALL for the vectors of all records together.
        signal: "his" or "diff".
        change: Mean log-probability a token of the text with the vector, less that without; above 0 it carried the text.
    """

    record_id: str
    signal: Signal
    change: float


@dataclass(frozen=True, slots=True)
class UnitShare:
    """What a latent unit carried.

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
    """What carried a text.

    Attributes:
        loglik: Mean log-probability a token behind the whole prompt.
        n_tokens: Tokens of the text.
        vectors: Of each record and difference, and of all together; a record without peers has no difference.
        units: The most active first.
    """

    loglik: float
    n_tokens: int
    vectors: tuple[VectorShare, ...]
    units: tuple[UnitShare, ...]


async def explain(
    prompter: Prompter, example: Example, text: Sequence[int], scorer: Scorer, n_units: int = 5
) -> Explanation:
    """What carried a text behind the soft prompt of an example.

    Args:
        prompter: With an adapter of kind "dep".
        example: The case.
        text: Token ids of a text, generated or real.
        scorer: The frozen LLM.
        n_units: Units to try, the most active of the case.

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
    changes = [whole - value for value in left]
    return Explanation(
        loglik=whole,
        n_tokens=len(text),
        vectors=tuple(
            VectorShare(*part, change) for part, change in zip(vectors, changes[: len(vectors)], strict=True)
        ),
        units=tuple(UnitShare(*unit, change) for unit, change in zip(units, changes[len(vectors) :], strict=True)),
    )


async def logliks(
    prompter: Prompter, example: Example, text: Sequence[int], scorer: Scorer, banks: Sequence[Floats]
) -> list[float]:
    """Mean log-probability a token of a text behind an example's prompt, with each bank's vectors: (n_soft, hidden).

    Banks that differ only where the prompt shows nothing make one prompt, so what cannot be seen changes exactly 0.
    """
    prompts = [prompter.soft_prompt(example, bank) for bank in banks]
    distinct = {prompt.digest: prompt for prompt in prompts}
    ids = np.asarray(text, np.int64)
    scores = await asyncio.gather(*(scorer.logprobs(prompt, ids) for prompt in distinct.values()))
    means = {digest: float(score.mean()) for digest, score in zip(distinct, scores, strict=True)}
    return [means[prompt.digest] for prompt in prompts]


def without_vectors(module: SoftPrompts, example: Example, bank: Floats) -> dict[tuple[str, Signal], Floats]:
    """The bank with one vector made ordinary, for every vector; and with all of a signal, under the id ALL."""
    found: dict[tuple[str, Signal], Floats] = {}
    for signal in module.settings.signals:
        soft, places = ordinary(module, example, signal), _existing(example, signal)
        for place in places:
            part = example.past.record_ids[place], signal
            found[part] = placed(module.settings, bank, signal, soft, places[places == place])
        if len(places):
            found[ALL, signal] = placed(module.settings, bank, signal, soft, places)
    return found


def without_unit(module: SoftPrompts, example: Example, bank: Floats, unit: int) -> Floats:
    """The bank with a unit at 0 in every vector that the prompt shows (p = M(z), DEP, equation 6)."""
    for signal in module.settings.signals:
        places = _shown(example, signal)
        latent = activations(module, signal, _vectors(example, signal)[places])
        latent[:, unit] = 0
        with torch.no_grad():
            soft = module.projectors[signal](latent).numpy()
        bank = placed(module.settings, bank, signal, soft, places)
    return bank


def most_active(module: SoftPrompts, example: Example, n: int) -> list[tuple[int, float]]:
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
def ordinary(module: SoftPrompts, example: Example, signal: Signal) -> Floats:
    """The soft tokens of a vector that tells nothing of its record: (tokens, hidden).

    It is the mean vector of the training where the adapter standardises (standardised, it is 0), else the mean of the
    vectors that the example's prompt shows; a single vector is then its own mean and carries nothing.
    """
    if module.settings.standardise:
        mean = cast(Standard, module.standards[signal]).mean.numpy()
    else:
        own = _vectors(example, signal)[_shown(example, signal)]
        mean = own.sum(axis=0) / max(1, len(own))
    return module.projectors[signal](activations(module, signal, mean[None]))[0].numpy()


def placed(settings: AdapterSettings, bank: Floats, signal: Signal, soft: Floats, places: Ints) -> Floats:
    """A bank with other soft tokens for the vectors of some records; markers stay.

    Args:
        settings: Of the adapter.
        bank: (n_soft, hidden), left as it is.
        signal: Whose vectors.
        soft: (tokens, hidden) for all of the records, or (records, tokens, hidden).
        places: (records,) of the records among the example's.
    """
    starts = np.asarray([row(settings, signal, int(place)) for place in places], np.int64)
    swapped = bank.copy()
    swapped[starts[:, None] + 1 + np.arange(settings.tokens_per_vector)] = soft
    return swapped


def _vectors(example: Example, signal: Signal) -> Floats:
    return example.past.his if signal == "his" else example.past.diff


def _existing(example: Example, signal: Signal) -> Ints:
    """Places of the records that have a vector of a signal, shown or not."""
    return np.flatnonzero(example.past.n_peers > 0 if signal == "diff" else np.ones_like(example.shown))


def _shown(example: Example, signal: Signal) -> Ints:
    """Places of the records whose vector of a signal the prompt shows."""
    places = _existing(example, signal)
    return places[example.shown[places]]


def check_same(made: Generation, example: Example, prompter: Prompter) -> None:
    """See that the prompt made now is that of the run, as far as the trace tells.

    Raises:
        InputError: It is not.
    """
    soft, call = made.trace.get("soft"), made.trace.get("generate", {})
    if soft is None and made.status == "done":
        raise InputError(f"case {made.case_id!r}: the user had no records, so no vector was in the prompt")
    if soft and soft["adapter"] != prompter.adapter.digest:
        raise InputError(f"case {made.case_id!r}: the run had another adapter; give the run's own --adapter")
    if soft and call["prompt_tokens"] != len(example.token_ids):
        raise InputError(
            f"case {made.case_id!r}: the prompt has {len(example.token_ids)} tokens now, {call['prompt_tokens']} in the "
            "run; give the run's own --corpus and --prompts"
        )
