"""Everything a training needs to go on as if it had never stopped: weights, optimiser, random state, place in the data.

A checkpoint is one file that is replaced at once, so a kill leaves the old one or the new one.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from unlike.errors import InputError

FILE = "checkpoint.pt"


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        step: Optimiser steps done.
        epoch: The pass over the examples that is under way.
        batch: Batches of it that are done.
        losses: One row a step: its number, its terms, its tokens.
        best: Lowest value of what chooses the checkpoint, and its step.
        plan: What was asked for; another plan cannot go on from here.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    losses: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    validations: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    best: float = float("inf")
    plan: dict[str, Any] = field(default_factory=dict[str, Any])


def save(folder: Path, progress: Progress, parts: dict[str, Any]) -> None:
    """Write a checkpoint; ``parts`` are state dicts by name."""
    part = folder / f"{FILE}.part"
    torch.save({"progress": progress.__dict__, "random": torch.get_rng_state(), **parts}, part)
    os.replace(part, folder / FILE)


def load(folder: Path, plan: dict[str, Any]) -> tuple[Progress, dict[str, Any]] | None:
    """The checkpoint of a folder; None where there is none. The random state is set back.

    Raises:
        InputError: It cannot be read, or is of another training.
    """
    if not (folder / FILE).is_file():
        return None
    try:
        parts = torch.load(folder / FILE, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, ValueError, EOFError, LookupError, UnpicklingError) as error:
        raise InputError(f"checkpoint {folder / FILE} cannot be read: {error}; remove it to begin anew") from error
    progress = Progress(**parts.pop("progress"))
    changed = sorted(name for name in plan if progress.plan.get(name) != plan[name])
    if changed:
        raise InputError(
            f"the checkpoint in {folder} is of another training: {', '.join(changed)} differ; "
            "give the same settings, or another --out"
        )
    torch.set_rng_state(parts.pop("random"))
    return progress, parts
