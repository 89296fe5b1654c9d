"""Soft vectors into their places among token embeddings (the injection of DEP's equation 7).

Pure functions over tensors, so they work for every causal LLM; none is subclassed and no vocabulary grows.
"""

import torch
from torch import Tensor


def splice(tokens: Tensor, bank: Tensor, slots: Tensor) -> Tensor:
    """Token embeddings with soft vectors in their places.

    Args:
        tokens: (batch, n, hidden) embeddings of the prompt's tokens; anything at a soft place.
        bank: (batch, n_soft, hidden) the soft vectors of each example.
        slots: (batch, n) int64: which row of the bank stands there, -1 for the token itself.

    Returns:
        (batch, n, hidden) in the dtype of ``tokens``.
    """
    rows = slots.clamp(min=0).unsqueeze(-1).expand(-1, -1, tokens.shape[-1])
    soft = torch.gather(bank.to(tokens.dtype), 1, rows)
    return torch.where((slots >= 0).unsqueeze(-1), soft, tokens)
