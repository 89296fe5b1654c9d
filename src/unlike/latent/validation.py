"""What chooses the checkpoint of a training."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from unlike.latent.batch import collate
from unlike.latent.examples import Example
from unlike.latent.objective import text_nll
from unlike.latent.soft_prompts import Module

Choose = Callable[[Module], float]
"""A value of a module, lower is better."""


@torch.no_grad()
def mean_nll(llm: nn.Module, module: Module, examples: Sequence[Example], batch: int) -> float:
    """Mean over examples of the NLL a token of their texts.

    Args:
        llm: The frozen LLM.
        module: On the LLM's device.
        examples: With texts, at least one.
        batch: Examples of one forward pass.
    """
    found = list[float]()
    device = next(module.parameters()).device
    ordered = sorted(examples, key=lambda example: len(example.token_ids))
    for first in range(0, len(ordered), batch):
        part = collate(ordered[first : first + batch], module.settings.n_records).to(device)
        found += text_nll(llm, module(part.inputs).bank, part).tolist()
    return sum(found) / len(found)
