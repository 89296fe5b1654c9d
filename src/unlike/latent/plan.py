"""What a training is before it begins: what there is to learn, how long it is, and at what rate.

All of it depends on the lesson and the settings alone, so two trainings with the same plan are the same training.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from unlike.latent.adapter import About
from unlike.latent.examples import Example
from unlike.latent.settings import TrainSettings


@dataclass(frozen=True)
class Lesson:
    """What there is to learn.

    Attributes:
        llm: The frozen LLM.
        examples: With texts to learn.
        validation: With texts; they choose the checkpoint.
        about: The adapter to be.
        markers: (4, hidden) as in Space.
    """

    llm: nn.Module
    examples: Sequence[Example]
    validation: Sequence[Example]
    about: About
    markers: torch.Tensor


def n_steps_of(settings: TrainSettings, n_examples: int) -> int:
    """Optimiser steps of a training over so many examples."""
    per_epoch = math.ceil(math.ceil(n_examples / settings.batch) / settings.accumulate)
    whole = per_epoch * settings.epochs
    return whole if settings.max_steps is None else min(settings.max_steps, whole)


def rate_at(step: int, settings: TrainSettings, n_steps: int) -> float:
    """The learning rate as a share of the highest: linear warm-up, then linear to nothing."""
    warm = math.ceil(settings.warmup * n_steps)
    if step < warm:
        return (step + 1) / warm
    return max(0.0, (n_steps - step) / max(1, n_steps - warm))


def plan_of(lesson: Lesson, settings: TrainSettings) -> dict[str, Any]:
    """What must be the same for a training to go on: settings, LLM, embedder, corpus, number of examples."""
    about = lesson.about
    adapter = asdict(about.settings) | {"signals": list(about.settings.signals)}
    return {
        "adapter": adapter,
        "train": {name: value for name, value in asdict(settings).items() if name != "checkpoint_min"},
        "llm_hash": about.llm_hash,
        "embedder": about.embedder,
        "corpus_hash": about.corpus_hash,
        "n_examples": len(lesson.examples),
    }
