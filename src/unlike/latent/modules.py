"""The trained modules: from the vectors of a request to the soft vectors of its prompt.

Each kind of adapter is one module with the same call, so that training, serving and comparisons differ in nothing
else. A *bank* holds the soft vectors of an example; the prompt's slots name its rows. Tensors are float32.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from unlike.latent.autoencoder import Projector, SparseAutoencoder, Standardizer
from unlike.latent.settings import AdapterSettings, Signal


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The vectors of a batch of requests, padded to the same number of records.

    Attributes:
        his: (batch, records, d) e_his.
        diff: (batch, records, d) e_diff; anything where ``compared`` is False.
        shown: (batch, records) bool, records that the prompt shows.
        compared: (batch, records) bool, those of them that have a difference.
        request: (batch, d) embedding of what is asked for; zeros for kinds that do not use it.
    """

    his: Tensor
    diff: Tensor
    shown: Tensor
    compared: Tensor
    request: Tensor

    def of(self, signal: Signal) -> tuple[Tensor, Tensor]:
        """The vectors of a signal, (batch, records, d), and which of them are real, (batch, records)."""
        return (self.his, self.shown) if signal == "his" else (self.diff, self.compared)


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Vectors and what the autoencoder makes of them.

    Attributes:
        vectors: (batch, records, d) e.
        latent: (batch, records, d') z.
        rebuilt: (batch, records, d) e^.
        mask: (batch, records) bool, real rows.
    """

    vectors: Tensor
    latent: Tensor
    rebuilt: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Soft:
    """The output of a module.

    Attributes:
        bank: (batch, n_soft, hidden) soft vectors.
        coded: Of each signal, for the losses; empty for kinds without an autoencoder.
        is_sparse: Whether ``coded`` counts for L_sparse.
    """

    bank: Tensor
    coded: tuple[Coded, ...] = ()
    is_sparse: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The spaces that a module maps between.

    Attributes:
        dim: d, the width of embeddings.
        hidden: Width of the LLM's token embeddings.
        length: Mean length of the LLM's token embeddings.
        markers: (4, hidden) vectors before and after the soft tokens of a record, then of a difference.
    """

    dim: int
    hidden: int
    length: float
    markers: Tensor

    def neutral(self, signal: Signal) -> Tensor:
        """(hidden,) the mean of a signal's two markers."""
        return markers_of(self.markers, signal).mean(dim=0)

    def projector(self, width: int, settings: AdapterSettings, signal: Signal = "his") -> Projector:
        """The projector of a signal, from ``width`` units."""
        neutral = self.neutral(signal) if settings.neutral else None
        return Projector(width, self.hidden, settings, self.length if settings.scaled else None, neutral)

    def null(self, settings: AdapterSettings, signal: Signal) -> nn.Parameter:
        """(tokens_per_vector, hidden) learned vectors for a missing vector of a signal."""
        start = self.neutral(signal) if settings.neutral else torch.zeros(self.hidden)
        return nn.Parameter(start.repeat(settings.tokens_per_vector, 1))


def markers_of(markers: Tensor, signal: Signal) -> Tensor:
    """(2, hidden) the markers before and after the soft tokens of a signal, of (4, hidden)."""
    return markers[:2] if signal == "his" else markers[2:]


def row(settings: AdapterSettings, signal: Signal, record: int) -> int:
    """Row of the bank where a record's start marker, soft tokens and end marker begin; signal by signal."""
    return (settings.signals.index(signal) * settings.n_records + record) * (settings.tokens_per_vector + 2)


def marked(pair: Tensor, soft: Tensor) -> Tensor:
    """Soft tokens between two markers.

    Args:
        pair: (2, hidden) as ``markers_of`` returns them.
        soft: (..., records, tokens, hidden).

    Returns:
        (..., records * (tokens + 2), hidden).
    """
    before, after = pair.expand(*soft.shape[:-2], 2, -1).split(1, dim=-2)
    return torch.cat([before, soft, after], dim=-2).flatten(-3, -2)


class DepModule(nn.Module):
    """DEP: one autoencoder, a projector per signal, and markers around each vector (DEP, equations 5 and 6).

    A record without a difference has a learned null vector instead (ours). With ``placed`` (ours) a learned vector of
    each place, 0 at the start, is added.
    """

    def __init__(self, settings: AdapterSettings, space: Space) -> None:
        super().__init__()
        self.settings, signals = settings, settings.signals
        self.reducer = SparseAutoencoder(space.dim, settings)
        width = self.reducer.width
        self.projectors = nn.ModuleDict({signal: space.projector(width, settings, signal) for signal in signals})
        self.null = space.null(settings, "diff")
        places = (settings.n_records, settings.tokens_per_vector, space.hidden)
        self.places = nn.ParameterDict(
            {signal: nn.Parameter(torch.zeros(places)) for signal in signals if settings.placed}
        )
        self.standards = nn.ModuleDict({signal: Standardizer(space.dim) for signal in signals})
        self.register_buffer("markers", space.markers.clone())
        self.markers: Tensor

    def latent(self, signal: Signal, vectors: Tensor) -> Tensor:
        """The latent units, z = enc(e): (..., d) -> (..., d') (DEP, equation 5)."""
        return self.reducer.encode(self.standards[signal](vectors))

    def soft_tokens(self, signal: Signal, latent: Tensor, places: Tensor) -> Tensor:
        """(n, d') latent units of the records at (n,) places -> (n, tokens, hidden), p = M(z) (DEP, equation 6)."""
        soft = self.projectors[signal](latent)
        return soft + self.places[signal][places] if signal in self.places else soft

    def forward(self, inputs: Inputs) -> Soft:
        """The soft vectors of all records, and the autoencoder's output for the losses."""
        coded, banks = list[Coded](), list[Tensor]()
        for signal in self.settings.signals:
            vectors, mask = inputs.of(signal)
            z = self.latent(signal, vectors)
            rebuilt = standard_of(self, signal).inverse(self.reducer.decode(z))
            coded.append(Coded(vectors, z, rebuilt, mask))
            soft = self.projectors[signal](z)
            if signal == "diff":
                soft = torch.where(mask[..., None, None], soft, self.null)
            if signal in self.places:
                soft = soft + self.places[signal]
            banks.append(marked(markers_of(self.markers, signal), soft))
        return Soft(torch.cat(banks, dim=1), tuple(coded), self.settings.reduction == "sae")


class PPlugModule(nn.Module):
    """PPlug: an instruction vector and one user vector (Liu et al., Persona-Plug, arXiv 2409.11901).

    w_i = softmax_i(x . h_i), user = sum_i w_i M(h_i), instruction = M'(v): x and h_i are the unit vectors of the request
    and of the texts, v is learned. The original trains the encoder of x; here x passes a linear layer that starts as
    the identity. A user without texts has a learned null vector.
    """

    def __init__(self, settings: AdapterSettings, space: Space) -> None:
        super().__init__()
        self.settings = settings
        self.query = nn.Linear(space.dim, space.dim, bias=False)
        nn.init.eye_(self.query.weight)
        self.projector = space.projector(space.dim, settings)
        self.instruction = nn.Parameter(nn.functional.normalize(torch.randn(space.dim), dim=0))
        self.instruct = space.projector(space.dim, replace(settings, tokens_per_vector=1))
        self.null = space.null(settings, "his")
        self.standards = nn.ModuleDict({"his": Standardizer(space.dim)})

    def attention(self, inputs: Inputs) -> Tensor:
        """w: (batch, records); the weights of the records that are shown sum to 1."""
        score = torch.einsum("bd,bnd->bn", self.query(inputs.request), inputs.his)
        return torch.softmax(score.masked_fill(~inputs.shown, -1e9), dim=1)

    def forward(self, inputs: Inputs) -> Soft:
        """The instruction vector and the user's."""
        each = self.projector(self.standards["his"](inputs.his))
        user = torch.einsum("bn,bnth->bth", self.attention(inputs), each)
        user = torch.where(inputs.shown.any(dim=1)[:, None, None], user, self.null)
        return Soft(torch.cat([self.instruct(self.instruction).expand(len(user), -1, -1), user], dim=1))


class PromptTuningModule(nn.Module):
    """Prompt tuning in DEP's places: as many soft tokens, learned, without anything of the user (a control of ours)."""

    def __init__(self, settings: AdapterSettings, space: Space) -> None:
        super().__init__()
        self.settings = settings
        shape = (settings.n_records, settings.tokens_per_vector, space.hidden)
        self.learned = nn.ParameterDict({signal: nn.Parameter(torch.empty(shape)) for signal in settings.signals})
        for signal in settings.signals:
            if settings.neutral:
                self.learned[signal].data.copy_(space.neutral(signal).expand(shape))
            else:
                nn.init.normal_(self.learned[signal], std=space.length / space.hidden**0.5)
        self.register_buffer("markers", space.markers.clone())
        self.markers: Tensor

    def forward(self, inputs: Inputs) -> Soft:
        """The same soft vectors for every user."""
        signals = self.settings.signals
        bank = torch.cat([marked(markers_of(self.markers, signal), self.learned[signal]) for signal in signals])
        return Soft(bank.expand(len(inputs.his), -1, -1))


def standard_of(module: DepModule | PPlugModule, signal: Signal) -> Standardizer:
    """The standardisation of a signal's vectors."""
    found = module.standards[signal]
    assert isinstance(found, Standardizer)
    return found


Module = DepModule | PPlugModule | PromptTuningModule
KINDS: dict[str, Callable[[AdapterSettings, Space], Module]] = {
    "dep": DepModule,
    "pplug": PPlugModule,
    "prompt_tuning": PromptTuningModule,
}
"""By ``AdapterSettings.kind``."""
