"""Standardised vectors: each coordinate shifted and scaled by its mean and spread in training."""

import torch
from torch import Tensor, nn


class Standard(nn.Module):
    """Shifts and scales each coordinate; the identity until ``fit`` has seen the training vectors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("spread", torch.ones(dim))
        self.mean: Tensor
        self.spread: Tensor

    def fit(self, rows: Tensor) -> None:
        """Take mean and spread from (n, d) rows."""
        self.mean.copy_(rows.mean(dim=0))
        self.spread.copy_(rows.std(dim=0, unbiased=False).clamp(min=1e-6))

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        return (vectors - self.mean) / self.spread
