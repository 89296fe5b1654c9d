"""A style embedding: one linear map, learned so that texts by one author are near each other and far from other authors'.

    loss = -log(exp(z1 z2 / t) / (sum over texts of the batch and the hard negative of exp(z1 z / t)))    InfoNCE

(van den Oord et al., 2018), with z the projected text of length 1. The hard negative is a text by another user on the same
item, so the topic does not help (Wegmann et al., 2022, control for topic in the same way).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unlike.errors import MissingPart, how_to_install
from unlike.evaluate.authorship.style import Floats
from unlike.evaluate.authorship.trials import Triplet


@dataclass(frozen=True, slots=True)
class ContrastiveSettings:
    """How the map is learned; a few seconds on a CPU.

    Attributes:
        dim: Dimension of the projected texts.
        epochs: Passes over all triplets.
        batch: Triplets per step; each serves as a negative of the others.
        learning_rate: Learning rate of Adam.
        temperature: t in the loss.
        dropout: Share of the features that are dropped from each text, against overfitting.
    """

    dim: int = 128
    epochs: int = 6
    batch: int = 64
    learning_rate: float = 1e-3
    temperature: float = 0.1
    dropout: float = 0.5


def learn_projection(
    vectors: Floats, triplets: Sequence[Triplet], row: dict[str, int], seed: int, settings: ContrastiveSettings
) -> Floats:
    """The linear map, (n_features, dim).

    It starts as a random projection, which about keeps all distances (Johnson and Lindenstrauss, 1984).

    Args:
        vectors: (n_texts, n_features).
        triplets: Texts that should be near each other, and one that should not.
        row: Row of each text in ``vectors``.
        seed: Seed of the initial map, the order and the dropout.
        settings: How it is learned.

    Raises:
        MissingPart: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingPart(
            f"authorship needs PyTorch, which is not installed: {how_to_install('authorship')}"
        ) from error
    from torch.nn.functional import cross_entropy, normalize

    random, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    texts = torch.from_numpy(vectors)
    weight = torch.randn(vectors.shape[1], settings.dim, generator=generator) / settings.dim**0.5
    weight.requires_grad_()
    optimiser = torch.optim.Adam([weight], lr=settings.learning_rate)
    users = np.unique([triplet.user_id for triplet in triplets], return_inverse=True)[1]
    places = np.array([(row[t.one], row[t.two], -1 if t.other is None else row[t.other]) for t in triplets])

    def projected(rows: "torch.Tensor") -> "torch.Tensor":
        keep = torch.rand(len(rows), texts.shape[1], generator=generator) >= settings.dropout
        return normalize(texts[rows] * keep @ weight, dim=1)

    for _ in range(settings.epochs):
        order = random.permutation(len(triplets))
        for chosen in np.array_split(order, max(1, len(order) // settings.batch)):
            one, two, other = (torch.from_numpy(column) for column in places[chosen].T)
            same = torch.from_numpy(users[chosen][:, None] == users[chosen]) ^ torch.eye(len(chosen), dtype=torch.bool)
            z = projected(one)
            near = (z @ projected(two).T / settings.temperature).masked_fill(same, -torch.inf)
            hard = (z * projected(other.clamp(min=0))).sum(dim=1, keepdim=True) / settings.temperature
            scores = torch.cat([near, hard.masked_fill((other < 0)[:, None], -torch.inf)], dim=1)
            loss = cross_entropy(scores, torch.arange(len(chosen)))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return weight.detach().numpy()
