"""The autoencoder that squeezes embeddings: z = enc(e), e^ = dec(z) (DEP, equation 5).

One serves both kinds of embedding. What makes it sparse is a term of the loss, so a plain autoencoder is the same
module trained without that term, and "no reduction" is the identity.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from unlike.latent.settings import Activation, Reduction

ACTIVATIONS: dict[Activation, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "sigmoid": (torch.sigmoid, nn.Identity()),
    # The released code's: GELU after both. A GELU decoder cannot give back values under -0.17.
    "gelu": (functional.gelu, functional.gelu),
}
"""By name: the function after the encoder and the one after the decoder."""


class Reducer(Protocol):
    """Embeddings to latent units and back.

    Attributes:
        width: d', the number of latent units.
    """

    width: int

    def encode(self, vectors: Tensor) -> Tensor:
        """z: (..., d) -> (..., d')."""
        ...

    def decode(self, latent: Tensor) -> Tensor:
        """e^: (..., d') -> (..., d)."""
        ...


class SparseAutoencoder(nn.Module):
    """z = act(W_e e + b_e), e^ = act'(W_d z + b_d) (DEP, equation 5); weights start Xavier uniform.

    Args:
        dim: d, the width of embeddings.
        width: d', the number of latent units.
        activation: A key of ACTIVATIONS.
        linear_decoder: Whether the decoder has no function after it, whatever the activation is.
    """

    def __init__(self, dim: int, width: int, activation: Activation = "sigmoid", linear_decoder: bool = False) -> None:
        super().__init__()
        self.width = width
        self.encoder = nn.Linear(dim, width)
        self.decoder = nn.Linear(width, dim)
        self._after_encoder, after_decoder = ACTIVATIONS[activation]
        self._after_decoder = nn.Identity() if linear_decoder else after_decoder
        for layer in (self.encoder, self.decoder):
            start(layer)

    def encode(self, vectors: Tensor) -> Tensor:
        """z: (..., d) -> (..., d')."""
        return self._after_encoder(self.encoder(vectors))

    def decode(self, latent: Tensor) -> Tensor:
        """e^: (..., d') -> (..., d)."""
        return self._after_decoder(self.decoder(latent))


class Identity(nn.Module):
    """No reduction: z = e, and nothing to rebuild (the "raw" of DEP's table 3)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.width = dim

    def encode(self, vectors: Tensor) -> Tensor:
        """The embedding as it is."""
        return vectors

    def decode(self, latent: Tensor) -> Tensor:
        """The embedding as it is."""
        return latent


def open_reducer(reduction: Reduction, dim: int, share: float, activation: Activation, standardised: bool) -> Reducer:
    """The module of a reduction.

    Args:
        reduction: "sae", "ae" or "raw".
        dim: d.
        share: d' / d.
        activation: Of the encoder.
        standardised: Standardised vectors have values on both sides of 0, which only a linear decoder gives back.
    """
    if reduction == "raw":
        return Identity(dim)
    return SparseAutoencoder(dim, max(1, round(dim * share)), activation, linear_decoder=standardised)


def start(layer: nn.Linear) -> None:
    """Xavier uniform weights, no bias (DEP, section 4.1)."""
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
