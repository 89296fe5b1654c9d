"""The layers of an adapter: standardisation, autoencoder and projectors (DEP, equations 5 and 6).

One autoencoder serves both kinds of embedding. It is sparse by a term of the loss alone, so a plain autoencoder is the
same module trained without that term, and "raw" is the identity.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from unlike.latent.settings import AdapterSettings, Initialisation


class Standardizer(nn.Module):
    """Shifts each coordinate by its mean and divides it by its standard deviation; the identity until ``fit``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("spread", torch.ones(dim))
        self.mean: Tensor
        self.spread: Tensor

    def fit(self, rows: Tensor) -> None:
        """Take means and standard deviations from (n, d) rows."""
        self.mean.copy_(rows.mean(dim=0))
        self.spread.copy_(rows.std(dim=0, unbiased=False).clamp(min=1e-6))

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        return (vectors - self.mean) / self.spread

    def inverse(self, vectors: Tensor) -> Tensor:
        """(..., d) -> (..., d): the inverse of ``forward``."""
        return vectors * self.spread + self.mean


class SparseAutoencoder(nn.Module):
    """z = act(W_e e + b_e), e^ = act'(W_d z + b_d) (DEP, equation 5).

    act' is the identity, except for the released code's GELU: a GELU decoder has no output below -0.17.

    Attributes:
        width: d', the number of latent units; d for the reduction "raw", where z = e = e^.

    Args:
        dim: d, the width of embeddings.
        settings: Settings of the adapter: reduction, activation, latent_share, standardise, initialisation.
    """

    def __init__(self, dim: int, settings: AdapterSettings) -> None:
        super().__init__()
        self._is_raw = settings.reduction == "raw"
        self._after_encoder = functional.gelu if settings.activation == "gelu" else torch.sigmoid
        self._gelu_decoder = settings.activation == "gelu" and not settings.standardise
        self.width = dim if self._is_raw else max(1, round(dim * settings.latent_share))
        if not self._is_raw:
            self.encoder = linear(dim, self.width, settings.initialisation)
            self.decoder = linear(self.width, dim, settings.initialisation)

    def encode(self, vectors: Tensor) -> Tensor:
        """z: (..., d) -> (..., d')."""
        return vectors if self._is_raw else self._after_encoder(self.encoder(vectors))

    def decode(self, latent: Tensor) -> Tensor:
        """e^: (..., d') -> (..., d)."""
        if self._is_raw:
            return latent
        decoded = self.decoder(latent)
        return functional.gelu(decoded) if self._gelu_decoder else decoded


class Projector(nn.Module):
    """p = W_2 gelu(W_1 z + b_1) + b_2, from latent units to one or more soft tokens (DEP, equation 6).

    Args:
        width: d', the number of latent units.
        hidden: Width of the LLM's token embeddings.
        settings: Settings of the adapter: tokens_per_vector, initialisation.
        length: Mean length of the soft vectors at the start; None leaves it to the initialisation.
        neutral: (hidden,) every soft vector at the start, whatever z is; None leaves it to the initialisation.
    """

    def __init__(
        self, width: int, hidden: int, settings: AdapterSettings, length: float | None, neutral: Tensor | None
    ) -> None:
        super().__init__()
        self._n_tokens = settings.tokens_per_vector
        self.first = linear(width, hidden, settings.initialisation)
        self.second = linear(hidden, hidden * self._n_tokens, settings.initialisation)
        self.register_buffer("scale", torch.tensor(1.0 if length is None else length / hidden**0.5))
        self.scale: Tensor
        if neutral is not None:
            nn.init.zeros_(self.second.weight)
            self.second.bias.data.copy_((neutral / self.scale).repeat(self._n_tokens))

    def forward(self, latent: Tensor) -> Tensor:
        """(..., d') -> (..., n_tokens, hidden)."""
        soft = self.second(functional.gelu(self.first(latent)))
        return soft.unflatten(-1, (self._n_tokens, -1)) * self.scale


def linear(n_in: int, n_out: int, initialisation: Initialisation) -> nn.Linear:
    """A linear layer with Xavier uniform weights (DEP, appendix C.2) or N(0, 0.02) (released code), biases 0."""
    layer = nn.Linear(n_in, n_out)
    if initialisation == "xavier":
        nn.init.xavier_uniform_(layer.weight)
    else:
        nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer
