"""Measures how much of the user a soft vector keeps, by the activation of DEP's autoencoder; no LLM is used.

    python docs/_build/measure_activations.py CORPUS EMBEDDER

Vectors pass DEP's modules into an LLM's space of 3,584 dimensions (that of Qwen2.5-7B). Two sets: random unit vectors of
1,024 dimensions with a mean cosine of 0.55, as bge-m3 gives them for reviews, and the vectors of a corpus. Of each it
prints how much soft vectors vary, as a share of their mean length, and their mean cosine: at the start, and after the
paper's schedule (1,249 steps of AdamW, rate 1e-5) of lambda * (L_recon + gamma * L_sparse) alone. Last comes how many times
the released code's value our L_sparse is at the start.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from unlike.settings import cache_folder
from unlike.data.corpus import Corpus
from unlike.embed.open import open_encoder
from unlike.latent.difference import Differences
from unlike.latent.loss import reconstruction, sparsity
from unlike.latent.modules import Coded, DepModule, Space
from unlike.latent.settings import AdapterSettings, LossWeights, TrainSettings
from unlike.latent.train import rate_at

N, BATCH, HIDDEN, STEPS = 8, 16, 3584, 1249
SIGMOID = AdapterSettings(n_records=N)
VARIANTS = {
    "sigmoid": replace(SIGMOID, standardise=False),
    "sigmoid, standardised (paper)": SIGMOID,
    "gelu": replace(SIGMOID, activation="gelu", standardise=False),
    "gelu, N(0, 0.02) (released)": replace(SIGMOID, activation="gelu", standardise=False, initialisation="normal"),
}
Vectors = Mapping[str, Tensor]


def random_vectors(dim: int = 1024, n: int = 2000, cosine: float = 0.55, n_peers: int = 6) -> Vectors:
    """Unit vectors of a mean cosine, and their differences from the mean of others: (n, dim)."""
    draw = torch.Generator().manual_seed(0)
    shared, own = (normalize(torch.randn(rows, dim, generator=draw), dim=1) for rows in (1, n))
    his = normalize(cosine**0.5 * shared + (1 - cosine) ** 0.5 * own, dim=1)
    return {"his": his, "diff": his - his[torch.randint(n, (n, n_peers), generator=draw)].mean(dim=1)}


def corpus_vectors(folder: Path, embedder: str) -> Vectors:
    """The vectors of all past records of all cases that have a difference."""
    corpus = Corpus.open(folder)
    differences = Differences(corpus, open_encoder(embedder, cache_folder() / "vectors.sqlite"))
    found = [differences.of(case, corpus.history(case.user_id, case.moment)) for case in corpus.cases("test")]
    kept = [past.n_peers > 0 for past in found]
    return {
        "his": torch.from_numpy(np.concatenate([past.his[rows] for past, rows in zip(found, kept, strict=True)])),
        "diff": torch.from_numpy(np.concatenate([past.diff[rows] for past, rows in zip(found, kept, strict=True)])),
    }


def opened(settings: AdapterSettings, vectors: Vectors) -> DepModule:
    """The untrained module."""
    dim = vectors["his"].shape[1]
    torch.manual_seed(0)
    module = DepModule(settings, Space(dim, HIDDEN, 1.0, torch.zeros(4, HIDDEN)))
    for signal in settings.signals if settings.standardise else ():
        module.standards[signal].fit(vectors[signal])  # type: ignore[operator]
    return module


def coded_of(module: DepModule, vectors: Vectors, places: Tensor) -> list[Coded]:
    """What the autoencoder makes of some vectors of each signal, N a request: places (batch, N)."""
    found, mask = list[Coded](), torch.ones(places.shape, dtype=torch.bool)
    for signal in module.settings.signals:
        latent = module.latent(signal, vectors[signal][places])
        rebuilt = module.standards[signal].inverse(module.reducer.decode(latent))  # type: ignore[operator]
        found.append(Coded(vectors[signal][places], latent, rebuilt, mask))
    return found


def train_autoencoder(module: DepModule, vectors: Vectors) -> None:
    """The paper's schedule, without the text's part of the loss."""
    weights, settings = LossWeights(), TrainSettings()
    learned = torch.optim.AdamW(
        module.reducer.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(learned, lambda step: rate_at(step, settings, STEPS))
    draw = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        coded = coded_of(module, vectors, torch.randint(len(vectors["his"]), (BATCH, N), generator=draw))
        recon = torch.stack([reconstruction(each) for each in coded]).sum()
        sparse = torch.stack([sparsity(each, weights.rho) for each in coded]).sum()
        learned.zero_grad()
        (weights.recon * (recon + weights.sparse * sparse)).backward()
        learned.step()
        schedule.step()


@torch.no_grad()
def kept_of_the_user(module: DepModule, vectors: Vectors) -> str:
    """Variation, cosine and mean length of the soft vectors of each signal."""
    found = list[str]()
    for signal in module.settings.signals:
        latent = module.latent(signal, vectors[signal][:512])
        soft = module.projectors[signal](latent)[:, 0]
        length = soft.norm(dim=1).mean()
        varies = (soft - soft.mean(dim=0)).norm(dim=1).mean() / length
        unit = normalize(soft, dim=1)
        cosine = ((unit @ unit.T).sum() - len(unit)) / (len(unit) * (len(unit) - 1))
        found.append(f"{signal} {varies:6.1%} cos {cosine:.4f} length {length:.2f}")
    return ", ".join(found)


@torch.no_grad()
def sparse_over_released(module: DepModule, vectors: Vectors) -> float:
    """L_sparse as a sum over both signals, over the released code's: one KL over the vectors of both."""
    his, diff = coded_of(module, vectors, torch.arange(BATCH * N).view(BATCH, N))
    parts = ((his.vectors, diff.vectors), (his.latent, diff.latent), (his.rebuilt, diff.rebuilt), (his.mask, diff.mask))
    both = Coded(*(torch.cat(pair, dim=1) for pair in parts))
    rho = LossWeights().rho
    return float((sparsity(his, rho) + sparsity(diff, rho)) / sparsity(both, rho))


def main() -> None:
    """Print the table."""
    folder, embedder = sys.argv[1:]
    for name, vectors in (("random", random_vectors()), (embedder, corpus_vectors(Path(folder), embedder))):
        for variant, settings in VARIANTS.items():
            module = opened(settings, vectors)
            before, ratio = kept_of_the_user(module, vectors), sparse_over_released(module, vectors)
            train_autoencoder(module, vectors)
            sys.stdout.write(f"{name:<8} {variant:<30} {before} -> {kept_of_the_user(module, vectors)}; {ratio:.2f}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
