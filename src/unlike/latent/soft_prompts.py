"""The trained modules: from the vectors of a request to the soft vectors that stand in its prompt.

Each kind of adapter is one module with the same call, so that training, serving and every comparison differ in
nothing else. A *bank* holds the soft vectors of an example; the prompt's slots name its rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from unlike.latent import loss
from unlike.latent.projector import Projector
from unlike.latent.sae import open_reducer, start
from unlike.latent.settings import AdapterSettings, LossWeights


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The vectors of a batch of requests, padded to the same number of records.

    Attributes:
        his: (batch, records, d) e_his.
        diff: (batch, records, d) e_diff; anything where there are no peers.
        shown: (batch, records) bool; which rows are records that the prompt shows.
        compared: (batch, records) bool; which of them have a difference.
        request: (batch, d) the embedding of what is asked for.
    """

    his: Tensor
    diff: Tensor
    shown: Tensor
    compared: Tensor
    request: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Soft:
    """What a module makes of them.

    Attributes:
        bank: (batch, n_soft, hidden) soft vectors.
        terms: Named terms of the loss that need no LLM.
    """

    bank: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Where soft vectors live.

    Attributes:
        dim: d, the width of embeddings.
        hidden: Width of the LLM's token embeddings.
        length: Mean length of the LLM's token embeddings.
        markers: (4, hidden) vectors before and after a record's and a difference's soft tokens.
    """

    dim: int
    hidden: int
    length: float
    markers: Tensor


class SoftPrompts(nn.Module):
    """DEP: one autoencoder, two projectors, and markers around each vector (equations 5 and 6).

    A row of the bank is ``row(signal, record, place)``: start marker, soft tokens, end marker. A record without peers
    has a learned null vector where its difference would be.
    """

    def __init__(self, settings: AdapterSettings, space: Space, weights: LossWeights | None = None) -> None:
        super().__init__()
        self.settings = settings
        self._rho = (weights or LossWeights()).rho
        self.reducer = open_reducer(
            settings.reduction, space.dim, settings.latent_share, settings.activation, settings.standardise
        )
        length = space.length if settings.scaled else None
        width, n_tokens = self.reducer.width, settings.tokens_per_vector
        self.projectors = nn.ModuleDict(
            {signal: Projector(width, space.hidden, n_tokens, length) for signal in settings.signals}
        )
        self.null = nn.Parameter(torch.zeros(n_tokens, space.hidden))
        self.standards = nn.ModuleDict({signal: Standard(space.dim) for signal in settings.signals})
        self.register_buffer("markers", space.markers.clone())
        self.markers: Tensor

    @property
    def n_soft(self) -> int:
        """Rows of the bank."""
        return len(self.settings.signals) * self.settings.n_records * (self.settings.tokens_per_vector + 2)

    def forward(self, inputs: Inputs) -> Soft:
        """The bank and the loss terms of the autoencoder."""
        recon, sparse, banks = list[Tensor](), list[Tensor](), list[Tensor]()
        for signal in self.settings.signals:
            vectors, mask = (inputs.his, inputs.shown) if signal == "his" else (inputs.diff, inputs.compared)
            vectors = self.standards[signal](vectors)
            latent = self.reducer.encode(vectors)
            recon.append(loss.reconstruction(vectors, self.reducer.decode(latent), mask))
            sparse.append(loss.sparsity(self._rho, loss.mean_activation(latent, mask), mask))
            banks.append(self._marked(signal, self.projectors[signal](latent), mask))
        terms = {"recon": torch.stack(recon).sum(), "sparse": torch.stack(sparse).sum()}
        if self.settings.reduction != "sae":
            terms["sparse"] = terms["sparse"].detach() * 0
        return Soft(torch.cat(banks, dim=1), terms)

    def _marked(self, signal: str, soft: Tensor, mask: Tensor) -> Tensor:
        """Start marker, tokens (or the null vector), end marker: (batch, records * (tokens + 2), hidden)."""
        if signal == "diff":
            soft = torch.where(mask[..., None, None], soft, self.null)
        before, after = self.markers[2 * (signal == "diff") :][:2]
        shape = (*soft.shape[:2], 1, soft.shape[-1])
        return torch.cat([before.expand(shape), soft, after.expand(shape)], dim=2).flatten(1, 2)


class PlugPrompts(nn.Module):
    """PPlug: an instruction vector and one user vector, attended over the whole history by the request.

    w_i = softmax_i(q . h_i / sqrt(d)), q = W x; user = M(sum_i w_i h_i) (Liu et al., Persona-Plug, arXiv 2409.11901).
    A user without history has the instruction vector and a learned null vector.
    """

    def __init__(self, settings: AdapterSettings, space: Space, weights: LossWeights | None = None) -> None:
        super().__init__()
        del weights  # it has no loss of its own
        self.settings = settings
        self.query = nn.Linear(space.dim, space.dim)
        start(self.query)
        length = space.length if settings.scaled else None
        self.projector = Projector(space.dim, space.hidden, settings.tokens_per_vector, length)
        self.instruction = nn.Parameter(space.markers[:1].clone())
        self.null = nn.Parameter(torch.zeros(settings.tokens_per_vector, space.hidden))
        self.standards = nn.ModuleDict({"his": Standard(space.dim)})

    @property
    def n_soft(self) -> int:
        """Rows of the bank."""
        return 1 + self.settings.tokens_per_vector

    def forward(self, inputs: Inputs) -> Soft:
        """The bank; there are no loss terms but the generation's."""
        history = self.standards["his"](inputs.his)
        score = torch.einsum("bd,bnd->bn", self.query(inputs.request), history) / history.shape[-1] ** 0.5
        weight = torch.softmax(score.masked_fill(~inputs.shown, -1e9), dim=1)
        user = self.projector(torch.einsum("bn,bnd->bd", weight, history))
        user = torch.where(inputs.shown.any(dim=1)[:, None, None], user, self.null)
        return Soft(torch.cat([self.instruction.expand(len(user), 1, -1), user], dim=1))


class LearnedPrompts(nn.Module):
    """Prompt tuning in DEP's places: as many soft tokens, learned, and nothing of the user in them.

    A control that neither paper has: what training alone teaches a frozen LLM about the genre.
    """

    def __init__(self, settings: AdapterSettings, space: Space, weights: LossWeights | None = None) -> None:
        super().__init__()
        del weights
        self.settings = settings
        n_places = settings.n_records * settings.tokens_per_vector
        self.learned = nn.ParameterDict(
            {signal: nn.Parameter(torch.zeros(n_places, space.hidden)) for signal in settings.signals}
        )
        for vectors in self.learned.values():
            nn.init.normal_(vectors, std=space.length / space.hidden**0.5)
        self.register_buffer("markers", space.markers.clone())
        self.markers: Tensor

    @property
    def n_soft(self) -> int:
        """Rows of the bank."""
        return len(self.settings.signals) * self.settings.n_records * (self.settings.tokens_per_vector + 2)

    def forward(self, inputs: Inputs) -> Soft:
        """The same bank for everybody."""
        banks = [self._marked(signal) for signal in self.settings.signals]
        return Soft(torch.cat(banks).expand(len(inputs.his), -1, -1))

    def _marked(self, signal: str) -> Tensor:
        soft = self.learned[signal].unflatten(0, (self.settings.n_records, -1))
        before, after = self.markers[2 * (signal == "diff") :][:2]
        shape = (len(soft), 1, soft.shape[-1])
        return torch.cat([before.expand(shape), soft, after.expand(shape)], dim=1).flatten(0, 1)


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


Module = SoftPrompts | PlugPrompts | LearnedPrompts

KINDS: dict[str, Callable[[AdapterSettings, Space, LossWeights | None], Module]] = {
    "dep": SoftPrompts,
    "pplug": PlugPrompts,
    "prompt_tuning": LearnedPrompts,
}
"""By ``AdapterSettings.kind``."""


def row(settings: AdapterSettings, signal: str, record: int) -> int:
    """First row of the bank for a record's vector of a signal."""
    place = settings.signals.index(signal) * settings.n_records + record  # type: ignore[arg-type]
    return place * (settings.tokens_per_vector + 2)
