"""From latent units into the LLM's space: p = M(z) (DEP, equation 6)."""

import torch
from torch import Tensor, nn

from unlike.latent.sae import start


class Projector(nn.Module):
    """p = W_2 gelu(W_1 z + b_1) + b_2, into one or several soft tokens (DEP, equation 6).

    Args:
        width: d', the number of latent units.
        hidden: Width of the LLM's token embeddings.
        n_tokens: Soft tokens a vector becomes (1 in the paper).
        length: Length that soft vectors start with, on average; None leaves it to the initialisation.
        neutral: (hidden,) what every soft vector starts as, whatever z is; None leaves it to the initialisation.
    """

    def __init__(
        self, width: int, hidden: int, n_tokens: int = 1, length: float | None = None, neutral: Tensor | None = None
    ) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, hidden * n_tokens)
        self.register_buffer("scale", torch.tensor(1.0 if length is None else length / hidden**0.5))
        self.scale: Tensor
        self._normed = length is not None
        for layer in (self.first, self.second):
            start(layer)
        if neutral is not None:
            nn.init.zeros_(self.second.weight)
            self.second.bias.data.copy_((neutral / self.scale).repeat(n_tokens))

    def forward(self, latent: Tensor) -> Tensor:
        """(..., d') -> (..., n_tokens, hidden)."""
        soft = self.second(nn.functional.gelu(self.first(latent)))
        soft = soft.unflatten(-1, (self.n_tokens, -1))
        return soft * self.scale if self._normed else soft
