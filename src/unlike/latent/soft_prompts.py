"""The trained modules: from the vectors of a request to the soft vectors that stand in its prompt.

Each kind of adapter is one module with the same call, so that training, serving and every comparison differ in
nothing else. A *bank* holds the soft vectors of an example; the prompt's slots name its rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unlike.latent import loss
from unlike.latent.bank import marked, n_rows
from unlike.latent.projector import Projector
from unlike.latent.sae import open_reducer, start
from unlike.latent.settings import AdapterSettings
from unlike.latent.standard import Standard


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The vectors of a batch of requests, padded to the same number of records.

    Attributes:
        his: (batch, records, d) e_his.
        diff: (batch, records, d) e_diff; anything where there are no peers.
        shown: (batch, records) bool; which rows are records that the prompt shows.
        compared: (batch, records) bool; which of them have a difference.
        request: (batch, d) the embedding of what is asked for; zeros for kinds that do not ask by it.
    """

    his: Tensor
    diff: Tensor
    shown: Tensor
    compared: Tensor
    request: Tensor

    def of(self, signal: str) -> tuple[Tensor, Tensor]:
        """The vectors of a signal, (batch, records, d), and which of them are real, (batch, records)."""
        return (self.his, self.shown) if signal == "his" else (self.diff, self.compared)


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """How active the latent units are for the vectors of a signal.

    Attributes:
        mean: (batch, d') rho^ of each example (DEP, equation 9).
        mask: (batch, records) bool; the vectors it is the mean of.
    """

    mean: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Soft:
    """What a module makes of them.

    Attributes:
        bank: (batch, n_soft, hidden) soft vectors.
        recon: L_recon of the vectors (DEP, equation 8); None for kinds that rebuild none.
        activity: Of each signal whose units are to be sparse.
    """

    bank: Tensor
    recon: Tensor | None = None
    activity: tuple[Activity, ...] = ()


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

    def neutral(self, signal: str) -> Tensor:
        """(hidden,) the mean of a signal's two markers: a vector that says what stands there, and nothing of it."""
        return self.markers[:2].mean(dim=0) if signal == "his" else self.markers[2:].mean(dim=0)


class SoftPrompts(nn.Module):
    """DEP: one autoencoder, two projectors, and markers around each vector (equations 5 and 6).

    A record without peers has a learned null vector where its difference would be. With ``placed`` (beyond the paper) a
    learned vector of each place, the same for everybody, is added; it starts as nothing.
    """

    def __init__(self, settings: AdapterSettings, space: Space) -> None:
        super().__init__()
        self.settings = settings
        self.reducer = open_reducer(
            settings.reduction, space.dim, settings.latent_share, settings.activation, settings.standardise
        )
        self.projectors = nn.ModuleDict(
            {signal: open_projector(self.reducer.width, settings, space, signal) for signal in settings.signals}
        )
        self.null = null_vectors(settings, space, "diff")
        shape = (settings.n_records, settings.tokens_per_vector, space.hidden)
        self.places = nn.ParameterDict(
            {signal: nn.Parameter(torch.zeros(shape)) for signal in settings.signals if settings.placed}
        )
        self.standards = nn.ModuleDict({signal: Standard(space.dim) for signal in settings.signals})
        self.register_buffer("markers", space.markers.clone())
        self.markers: Tensor

    @property
    def n_soft(self) -> int:
        """Rows of the bank."""
        return n_rows(self.settings)

    def forward(self, inputs: Inputs) -> Soft:
        """The bank, and what the losses of the autoencoder are computed from."""
        recon, activity, banks = list[Tensor](), list[Activity](), list[Tensor]()
        for signal in self.settings.signals:
            vectors, mask = inputs.of(signal)
            vectors = self.standards[signal](vectors)
            latent = self.reducer.encode(vectors)
            recon.append(loss.reconstruction(vectors, self.reducer.decode(latent), mask))
            activity.append(Activity(loss.mean_activation(latent, mask), mask))
            soft = self.projectors[signal](latent)
            if signal == "diff":
                soft = torch.where(mask[..., None, None], soft, self.null)
            if signal in self.places:
                soft = soft + self.places[signal]
            banks.append(marked(self.markers, signal, soft))
        to_be_sparse = tuple(activity) if self.settings.reduction == "sae" else ()
        return Soft(torch.cat(banks, dim=1), torch.stack(recon).sum(), to_be_sparse)


class PlugPrompts(nn.Module):
    """PPlug: an instruction vector and one user vector, attended over the whole history by the request.

    w_i = softmax_i(q . h_i / sqrt(d)), q = W x; user = M(sum_i w_i h_i) (Liu et al., Persona-Plug, arXiv 2409.11901).
    A user without history has the instruction vector and a learned null vector.
    """

    def __init__(self, settings: AdapterSettings, space: Space) -> None:
        super().__init__()
        self.settings = settings
        self.query = nn.Linear(space.dim, space.dim)
        start(self.query)
        self.projector = open_projector(space.dim, settings, space, "his")
        self.instruction = nn.Parameter(space.markers[:1].clone())
        self.null = null_vectors(settings, space, "his")
        self.standards = nn.ModuleDict({"his": Standard(space.dim)})

    @property
    def n_soft(self) -> int:
        """Rows of the bank."""
        return 1 + self.settings.tokens_per_vector

    def forward(self, inputs: Inputs) -> Soft:
        """The bank; there is no loss but the generation's."""
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

    def __init__(self, settings: AdapterSettings, space: Space) -> None:
        super().__init__()
        self.settings = settings
        n_places = settings.n_records * settings.tokens_per_vector
        self.learned = nn.ParameterDict(
            {signal: nn.Parameter(torch.zeros(n_places, space.hidden)) for signal in settings.signals}
        )
        for signal, vectors in self.learned.items():
            if settings.neutral:
                vectors.data.copy_(space.neutral(signal))
            else:
                nn.init.normal_(vectors, std=space.length / space.hidden**0.5)
        self.register_buffer("markers", space.markers.clone())
        self.markers: Tensor

    @property
    def n_soft(self) -> int:
        """Rows of the bank."""
        return n_rows(self.settings)

    def forward(self, inputs: Inputs) -> Soft:
        """The same bank for everybody."""
        settings, learned = self.settings, self.learned
        soft = {signal: learned[signal].unflatten(0, (settings.n_records, -1)) for signal in settings.signals}
        banks = [marked(self.markers, signal, tokens) for signal, tokens in soft.items()]
        return Soft(torch.cat(banks).expand(len(inputs.his), -1, -1))


def open_projector(width: int, settings: AdapterSettings, space: Space, signal: str) -> Projector:
    """The projector of a signal, from ``width`` units."""
    length = space.length if settings.scaled else None
    neutral = space.neutral(signal) if settings.neutral else None
    return Projector(width, space.hidden, settings.tokens_per_vector, length, neutral)


def null_vectors(settings: AdapterSettings, space: Space, signal: str) -> nn.Parameter:
    """(tokens_per_vector, hidden) what stands where a signal has no vector, learned."""
    begun = space.neutral(signal) if settings.neutral else torch.zeros(space.hidden)
    return nn.Parameter(begun.repeat(settings.tokens_per_vector, 1))


Module = SoftPrompts | PlugPrompts | LearnedPrompts

KINDS: dict[str, Callable[[AdapterSettings, Space], Module]] = {
    "dep": SoftPrompts,
    "pplug": PlugPrompts,
    "prompt_tuning": LearnedPrompts,
}
"""By ``AdapterSettings.kind``."""
