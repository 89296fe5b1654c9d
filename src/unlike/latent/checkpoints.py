"""Checkpoints of a training, written to resume it; the choice of the best by validation cases.

A checkpoint is one file that is replaced atomically, so a kill leaves the old one or the new one.
"""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch

from unlike.errors import InputError
from unlike.latent.batch import collate
from unlike.latent.examples import Example
from unlike.latent.loss import splice, text_nll
from unlike.latent.modules import Module
from unlike.latent.settings import TrainSettings
from unlike.latent.training_data import TrainingData, changed_in_plan
from unlike.llm.backend import Sampling
from unlike.llm.decode import LOGITS_AT_ONCE, Row, write
from unlike.llm.local_model import LocalModel

FILE = "checkpoint.pt"


class TextMetric(NamedTuple):
    """A metric of texts, given by the caller, since metrics are in a higher layer.

    Attributes:
        name: Name of the metric; the adapter's metadata keeps it.
        score: Scores generated texts against real ones, pair by pair; higher is better.
    """

    name: str
    score: Callable[[Sequence[str], Sequence[str]], Sequence[float]]


@dataclass
class Progress:
    """The state of a training.

    Attributes:
        plan: What was asked for; see TrainingData.plan.
        step: Optimiser steps done.
        epoch: The current pass over the examples.
        batch: Batches done in it.
        losses: A row per step.
        validations: A row per validation: step and value.
        best: The best value so far; None before the first validation.
    """

    plan: dict[str, Any]
    step: int = 0
    epoch: int = 0
    batch: int = 0
    losses: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    validations: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    best: float | None = None


def save(folder: Path, progress: Progress, parts: dict[str, Any]) -> None:
    """Write a checkpoint; ``parts`` are state dicts by name."""
    part = folder / f"{FILE}.part"
    torch.save({"progress": progress.__dict__, "random": torch.get_rng_state(), **parts}, part)
    os.replace(part, folder / FILE)


def load(folder: Path, plan: dict[str, Any]) -> tuple[Progress, dict[str, Any]] | None:
    """The checkpoint of a folder: progress, and parts by name, with the random state as "random"; None if there is none.

    Raises:
        InputError: It cannot be read, or belongs to another training.
    """
    if not (folder / FILE).is_file():
        return None
    try:
        parts = torch.load(folder / FILE, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, ValueError, EOFError, LookupError, UnpicklingError) as error:
        raise InputError(f"checkpoint {folder / FILE} cannot be read: {error}; remove it to start again") from error
    progress = Progress(**parts.pop("progress"))
    if changed := changed_in_plan(plan, progress.plan):
        raise InputError(
            f"the checkpoint in {folder} belongs to another training: {', '.join(changed)} differ; "
            "give the same settings, or another --out"
        )
    return progress, parts


@dataclass(frozen=True, slots=True)
class Choice:
    """What chooses the checkpoint.

    Attributes:
        name: Name of a text metric, "nll", or "last" without validation cases; the adapter's metadata keeps it.
        value: Computes the value of a module in evaluation mode.
        higher_is_better: Whether the highest value is chosen, or the lowest; ties go to the later one.
    """

    name: str
    value: Callable[[Module], float]
    higher_is_better: bool = False

    def prefers(self, value: float, best: float | None) -> bool:
        """Whether a value is at least as good as the best so far; every number is better than NaN."""
        return best is None or math.isnan(best) or (value >= best if self.higher_is_better else value <= best)


def choice_of(data: TrainingData, settings: TrainSettings, metric: TextMetric | None) -> Choice:
    """The choice that the settings ask for.

    Args:
        data: Its validation examples are scored.
        settings: ``choose_by``, and how validation texts are written.
        metric: Scores the written texts, for ``choose_by="meteor"``: METEOR, or another where the texts are not English.

    Raises:
        InputError: The settings ask for a metric of texts and there is none.
    """
    if not data.validation:
        return Choice("last", lambda module: 0.0)
    if settings.choose_by == "nll":
        return Choice("nll", lambda module: mean_nll(data.llm, module, data.validation, settings.validation_batch))
    if metric is None:
        raise InputError("choose_by='meteor': no metric was given; train with unlike.train, or set choose_by='nll'")
    sampling = Sampling(max_tokens=settings.max_target_tokens, seed=settings.seed)
    real = [example.case.reference or "" for example in data.validation]

    def mean_score(module: Module) -> float:
        texts = write_texts(data.llm, module, data.validation, sampling, settings.validation_batch)
        values = metric.score(texts, real)
        return sum(values) / len(values)

    return Choice(metric.name, mean_score, higher_is_better=True)


@torch.no_grad()
def mean_nll(llm: LocalModel, module: Module, examples: Sequence[Example], batch: int) -> float:
    """Mean over examples of the negative log-likelihood per token of their texts.

    At most ``batch`` at once, and fewer where logits of many long texts would fill the memory.
    """
    found, device = list[float](), next(module.parameters()).device
    n_logits = (max(len(example.target_ids) for example in examples) + 1) * len(llm.embeddings)
    for places in _by_length(examples, min(batch, max(1, LOGITS_AT_ONCE // n_logits))):
        part = collate([examples[place] for place in places], module.settings.n_records).to(device)
        found += text_nll(llm.model, module(part.inputs).bank, part).tolist()
    return sum(found) / len(found)


@torch.no_grad()
def write_texts(
    llm: LocalModel, module: Module, examples: Sequence[Example], sampling: Sampling, batch: int
) -> list[str]:
    """The texts that the LLM writes for examples, ``batch`` at once, in their order; "" where it wrote nothing."""
    texts = [""] * len(examples)
    for places in _by_length(examples, batch):
        rows = [Row(_embedded(llm, module, examples[place]), sampling) for place in places]
        for row, written in write(llm.model, rows, llm.ends):
            texts[places[row]] = llm.tokens.decode(written.token_ids).strip()
    return texts


def _by_length(examples: Sequence[Example], batch: int) -> list[list[int]]:
    """Indices of examples of similar length, ``batch`` together, so that little is padded."""
    order = sorted(range(len(examples)), key=lambda place: len(examples[place].token_ids))
    return [order[first : first + batch] for first in range(0, len(order), batch)]


def _embedded(llm: LocalModel, module: Module, example: Example) -> torch.Tensor:
    """The embeddings of a prompt with its soft vectors, (tokens, hidden)."""
    device = llm.embeddings.device
    inputs = collate([example], module.settings.n_records).to(device).inputs
    tokens = llm.embeddings[torch.from_numpy(example.token_ids).to(device)]
    slots = torch.from_numpy(example.slots).to(device)
    return splice(tokens.unsqueeze(0), module(inputs).bank, slots.unsqueeze(0))[0]
