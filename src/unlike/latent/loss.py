"""The loss of one training step, from soft vectors to equation 11 (DEP, section 3.2.3, equations 7 to 11).

``objective`` is the whole of it; the functions under it are its terms. Shapes: d is the width of embeddings, d' of
latent units; masks leave out rows that are no vectors (padding, records without peers), so padding does not change a loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from unlike.latent.batch import Batch, with_in_batch_negatives
from unlike.latent.modules import Coded, Soft
from unlike.latent.settings import LossWeights

_EPSILON = 1e-6
"""Mean activations are clamped to 1e-6 .. 1 - 1e-6, as in the released code."""


class LossTerms(NamedTuple):
    """The terms of a step, each a scalar float32 tensor; ``loss`` is their weighted sum, equation 11."""

    loss: Tensor
    gen: Tensor
    recon: Tensor
    sparse: Tensor
    contrast: Tensor


@dataclass(frozen=True, slots=True)
class StepSize:
    """What a step consists of.

    Attributes:
        n_batches: Batches of the step.
        n_targets: Tokens to learn in all of them.
    """

    n_batches: int
    n_targets: int


def step_size(group: Sequence[Batch]) -> StepSize:
    """The size of a step over these batches."""
    return StepSize(len(group), int(sum(batch.learned.sum() for batch in group)))


def objective(llm: nn.Module, module: nn.Module, batch: Batch, weights: LossWeights, step: StepSize) -> LossTerms:
    """A batch's share of L = L_gen + lambda * (L_recon + gamma * L_sparse) (DEP, equation 11).

    The terms of a step are the sums over its batches. In the objective "released" both signals count as one set of
    vectors, L_gen is the mean over the tokens of the step, and the other terms are summed over its batches.

    Args:
        llm: The frozen LLM, a causal LM of the transformers library.
        module: A kind of adapter.
        batch: Examples with texts to learn.
        weights: lambda, gamma, rho and the variant.
        step: The step that the batch is part of.
    """
    soft: Soft = module(batch.inputs)
    nll = text_nll(llm, soft.bank, batch)
    zero = nll.new_zeros(())
    is_released = weights.objective == "released"
    coded = _pooled(soft.coded) if is_released else soft.coded
    share = 1.0 if is_released else 1 / step.n_batches

    n_targets = batch.learned.sum(dim=1)
    gen = (nll * n_targets).sum() / step.n_targets if is_released else nll.mean() * share
    recon = sum((reconstruction(each) for each in coded), zero) * share
    sparse = sum((sparsity(each, weights.rho) for each in coded if soft.is_sparse), zero) * share
    contrast = contrastive(nll, _nll_of_negatives(llm, module, batch)) * share if weights.contrast else zero

    loss = gen + weights.recon * (recon + weights.sparse * sparse) + weights.contrast * contrast
    return LossTerms(loss, gen, recon, sparse, contrast)


def reconstruction(coded: Coded) -> Tensor:
    """SmoothL1(e, e^), a summand of L_recon: the mean over d, then records, then examples (DEP, equation 8)."""
    each = functional.smooth_l1_loss(coded.rebuilt, coded.vectors, reduction="none").mean(dim=-1)
    return _mean_of_examples(_mean_of_records(each, coded.mask), coded.mask)


def sparsity(coded: Coded, rho: float) -> Tensor:
    """mean_j KL(rho || rho^_j), a summand of L_sparse, between Bernoulli means (DEP, equation 10).

    Args:
        coded: Vectors of a signal; activations outside (0, 1), which GELU gives, are clamped so that the KL is finite.
        rho: Target of the mean activations.
    """
    mean = mean_activation(coded.latent, coded.mask).clamp(_EPSILON, 1 - _EPSILON)
    divergence = rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))
    return _mean_of_examples(divergence.mean(dim=-1), coded.mask)


def mean_activation(latent: Tensor, mask: Tensor) -> Tensor:
    """rho^ = (1/N) * sum_i z^i: (batch, records, d'), (batch, records) -> (batch, d') (DEP, equation 9)."""
    return _mean_of_records(latent.transpose(1, 2), mask.unsqueeze(1))


def contrastive(own: Tensor, other: Tensor) -> Tensor:
    """softplus(own - other), the mean over examples; own and other (batch,) NLL per token (ours)."""
    return functional.softplus(own - other).mean()


def text_nll(llm: nn.Module, bank: Tensor, batch: Batch) -> Tensor:
    """L_gen of each example: the mean negative log-likelihood per token of its text, (batch,) float32.

    The LLM reads embeddings and computes logits for the columns of the texts only: (batch, t, vocabulary).

    Args:
        llm: As in ``objective``.
        bank: (batch, n_soft, hidden) the soft vectors.
        batch: Examples with texts to learn.
    """
    model = cast(Any, llm)
    look_up = model.get_input_embeddings()
    embeds = splice(look_up(batch.token_ids), bank, batch.slots)
    attend = functional.pad(batch.attend, (len(batch.beginning), 0), value=1)
    cache = None
    if model.is_activation_checkpointing:  # which allows no cache
        embeds = torch.cat([look_up(batch.beginning).expand(len(embeds), -1, -1), embeds], dim=1)
    elif len(batch.beginning):
        cache = _read_beginning(model, batch)
    width = batch.targets.shape[1]
    answer = model(
        inputs_embeds=embeds,
        attention_mask=attend,
        position_ids=(attend.cumsum(dim=1) - 1).clamp(min=0)[:, -embeds.shape[1] :],
        past_key_values=cache,
        logits_to_keep=width + 1,
        use_cache=False,
    )
    return token_nll(answer.logits[:, -width - 1 : -1], batch.targets, batch.learned)


def token_nll(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Mean negative log-likelihood per token of each row: (batch,) float32.

    Args:
        logits: (batch, n, vocabulary); row t predicts target t.
        targets: (batch, n) token ids.
        mask: (batch, n) bool, real targets.
    """
    rows = logits.float().flatten(0, 1)  # across a transposed view the sums are less exact by orders of magnitude
    each = functional.cross_entropy(rows, targets.flatten(), reduction="none").view_as(targets)
    return _mean_of_records(each, mask)


def splice(tokens: Tensor, bank: Tensor, slots: Tensor) -> Tensor:
    """Token embeddings with soft vectors in their places (the injection of DEP's equation 7).

    Args:
        tokens: (batch, n, hidden) embeddings of the prompt's tokens; anything at a soft place.
        bank: (batch, n_soft, hidden) the soft vectors.
        slots: (batch, n) int64 rows of the bank; -1 for the token itself.

    Returns:
        (batch, n, hidden) in the dtype of ``tokens``.
    """
    rows = slots.clamp(min=0).unsqueeze(-1).expand(-1, -1, tokens.shape[-1])
    soft = torch.gather(bank.to(tokens.dtype), 1, rows)
    return torch.where((slots >= 0).unsqueeze(-1), soft, tokens)


def _nll_of_negatives(llm: nn.Module, module: nn.Module, batch: Batch) -> Tensor:
    """(batch,) NLL of the texts given the vectors of other users."""
    negatives = with_in_batch_negatives(batch)
    return text_nll(llm, module(negatives.inputs).bank, negatives)


def _pooled(coded: tuple[Coded, ...]) -> tuple[Coded, ...]:
    """All signals as one set of vectors."""
    if not coded:
        return ()
    names = ("vectors", "latent", "rebuilt", "mask")
    return (Coded(*(torch.cat([getattr(each, name) for each in coded], dim=1) for name in names)),)


@torch.no_grad()
def _read_beginning(model: Any, batch: Batch) -> Any:  # noqa: ANN401 - models and caches of transformers are untyped
    """The LLM's keys and values of what all prompts begin with, read once for the whole batch."""
    cache = model(input_ids=batch.beginning.unsqueeze(0), use_cache=True, logits_to_keep=1).past_key_values
    cache.batch_repeat_interleave(len(batch.token_ids))
    return cache


def _mean_of_records(each: Tensor, mask: Tensor) -> Tensor:
    """The mean over the real entries of the last dimension; 0 where there are none."""
    weight = mask.to(each.dtype)
    return (each * weight).sum(dim=-1) / weight.sum(dim=-1).clamp(min=1)


def _mean_of_examples(each: Tensor, mask: Tensor) -> Tensor:
    """The mean of (batch,) over the examples that have a real row."""
    counts = mask.any(dim=1).to(each.dtype)
    return (each * counts).sum() / counts.sum().clamp(min=1)
