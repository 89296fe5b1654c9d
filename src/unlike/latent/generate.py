"""Texts behind a module that is still being trained: what METEOR on validation texts is computed from."""

from collections.abc import Sequence

import torch

from unlike.latent.batch import collate
from unlike.latent.examples import Example
from unlike.latent.soft_prompts import Module
from unlike.latent.splice import splice
from unlike.llm.backend import Sampling
from unlike.llm.decode import Row, write
from unlike.llm.local_model import LocalModel


@torch.no_grad()
def write_texts(
    llm: LocalModel, module: Module, examples: Sequence[Example], sampling: Sampling, batch: int = 8
) -> list[str]:
    """The texts that the LLM writes for examples, in their order; "" where it wrote nothing.

    Args:
        llm: The frozen LLM.
        module: Makes the soft vectors.
        examples: Prompts; their texts to learn are not looked at.
        sampling: Of every text.
        batch: Texts written together.
    """
    texts = [""] * len(examples)
    for first in range(0, len(examples), batch):
        rows = [Row(_embedded(llm, module, example), sampling) for example in examples[first : first + batch]]
        for place, written in write(llm.model, rows, llm.ends):
            texts[first + place] = llm.tokens.decode(written.token_ids).strip()
    return texts


def _embedded(llm: LocalModel, module: Module, example: Example) -> torch.Tensor:
    """(tokens, hidden) the prompt with its soft vectors in place."""
    device = llm.embeddings.device
    inputs = collate([example], module.settings.n_records).to(device).inputs
    tokens = llm.embeddings[torch.from_numpy(example.token_ids).to(device)]
    slots = torch.from_numpy(example.slots).to(device)
    return splice(tokens.unsqueeze(0), module(inputs).bank, slots.unsqueeze(0))[0]
