"""The training loss of DEP (section 3.3; equations 8 to 11), term by term.

Shapes: d is the width of embeddings, d' of latent units; rows that stand for no vector (padding, no peers) are left
out by a mask, so that padding changes no loss.
"""

import torch
from torch import Tensor
from torch.nn import functional

_NEAR = 1e-6
"""How near a mean activation may come to 0 and 1 before it is held there (the released code's figure)."""


def reconstruction(vectors: Tensor, rebuilt: Tensor, mask: Tensor) -> Tensor:
    """SmoothL1(e, e^), mean over the coordinates of real rows; one summand of L_recon (DEP, equation 8).

    Args:
        vectors: (batch, records, d) e.
        rebuilt: (batch, records, d) e^ = dec(enc(e)).
        mask: (batch, records) bool; which rows are real.
    """
    each = functional.smooth_l1_loss(rebuilt, vectors, reduction="none").mean(dim=-1)
    return _mean_of_examples(each, mask)


def mean_activation(latent: Tensor, mask: Tensor) -> Tensor:
    """rho^ = (1/N) * sum_i z^i per unit and example: (batch, records, d') -> (batch, d') (DEP, equation 9)."""
    weight = mask.unsqueeze(-1).to(latent.dtype)
    return (latent * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


def sparsity(rho: float, activation: Tensor, mask: Tensor) -> Tensor:
    """mean_j KL(rho || rho^_j) between Bernoulli means; one summand of L_sparse (DEP, equation 10).

    Args:
        rho: The wanted mean activation.
        activation: (batch, d') rho^; values outside (0, 1), which only an activation like GELU gives, are held at
            its ends, so the term stays finite.
        mask: (batch, records) bool; an example without real rows has no activation and does not count.
    """
    held = activation.clamp(_NEAR, 1 - _NEAR)
    divergence = rho * torch.log(rho / held) + (1 - rho) * torch.log((1 - rho) / (1 - held))
    counts = mask.any(dim=1).to(divergence.dtype)
    return (divergence.mean(dim=-1) * counts).sum() / counts.sum().clamp(min=1)


def generation(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """L_gen: mean negative log-likelihood a token of each example's real text: (batch,).

    The mean over examples, not over all tokens, so that how examples are put into batches changes nothing.

    Args:
        logits: (batch, n, vocab); row t predicts target t.
        targets: (batch, n) token ids.
        mask: (batch, n) bool; which targets are real.
    """
    rows = logits.float().flatten(0, 1)  # across a transposed view the sums are less exact by orders of magnitude
    each = functional.cross_entropy(rows, targets.flatten(), reduction="none").view_as(targets)
    weight = mask.to(each.dtype)
    return (each * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


def contrast(own: Tensor, other: Tensor) -> Tensor:
    """softplus(NLL with the own vectors - NLL with another user's), mean over examples; ours, not the paper's.

    Args:
        own: (batch,) L_gen of each example.
        other: (batch,) the same texts behind the vectors of another example of the batch.
    """
    return functional.softplus(own - other).mean()


def total(terms: dict[str, Tensor], recon: float, sparse: float, contrasted: float = 0.0) -> Tensor:
    """L = L_gen + lambda * (L_recon + gamma * L_sparse) (DEP, equation 11), and the contrast where it has a weight.

    Args:
        terms: "gen", "recon", "sparse" and, where there is one, "contrast".
        recon: lambda.
        sparse: gamma.
        contrasted: Weight of the contrast.
    """
    loss = terms["gen"] + recon * (terms["recon"] + sparse * terms["sparse"])
    return loss + contrasted * terms["contrast"] if "contrast" in terms else loss


def _mean_of_examples(each: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real rows of each example, then over the examples that have any."""
    weight = mask.to(each.dtype)
    counts = mask.any(dim=1).to(each.dtype)
    per_example = (each * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
    return (per_example * counts).sum() / counts.sum().clamp(min=1)
