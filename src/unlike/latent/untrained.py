"""The module before its first step: seeded weights, and statistics of the vectors it will learn from."""

import torch

from unlike.latent.adapter import new_module
from unlike.latent.batch import inputs_of
from unlike.latent.plan import Lesson
from unlike.latent.soft_prompts import Module


def seeded_module(lesson: Lesson, seed: int) -> Module:
    """The untrained module: the same for the same seed, whatever else drew random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = new_module(lesson.about, lesson.markers)
    if lesson.about.settings.standardise and hasattr(module, "standards"):
        _standardise(module, lesson)
    return module.train()


def _standardise(module: Module, lesson: Lesson) -> None:
    """Mean and spread of each coordinate over the training vectors of each signal."""
    inputs = inputs_of(lesson.examples, lesson.about.settings.n_records)
    for signal, standard in module.standards.items():  # type: ignore[union-attr]
        vectors, mask = inputs.of(signal)
        if mask.any():
            standard.fit(vectors[mask])  # type: ignore[operator]
