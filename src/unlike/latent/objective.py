"""What a step of training computes: the soft vectors, their places, the frozen LLM, and the named terms of the loss."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from unlike.latent import loss
from unlike.latent.batch import Batch, with_vectors_of_the_next
from unlike.latent.settings import LossWeights
from unlike.latent.soft_prompts import Soft
from unlike.latent.splice import splice


def objective(llm: nn.Module, module: nn.Module, batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """The terms of equation 11, their sum under "loss", all as scalars by the names of ``term_names``.

    Args:
        llm: The frozen LLM, as Hugging Face builds it.
        module: A kind of adapter.
        batch: Examples with texts to learn.
        weights: Of the terms.
    """
    soft: Soft = module(batch.inputs)
    own = text_nll(llm, soft.bank, batch)
    terms = {"gen": own.mean(), **autoencoder_terms(soft, weights.rho)}
    if weights.contrast:
        strange: Soft = module(with_vectors_of_the_next(batch).inputs)
        terms["contrast"] = loss.contrast(own, text_nll(llm, strange.bank, batch))
    return {"loss": loss.total(terms, weights.recon, weights.sparse, weights.contrast), **terms}


def term_names(weights: LossWeights) -> tuple[str, ...]:
    """What ``objective`` gives, known without a batch."""
    return ("loss", "gen", "recon", "sparse", *(("contrast",) if weights.contrast else ()))


def autoencoder_terms(soft: Soft, rho: float) -> dict[str, Tensor]:
    """L_recon and L_sparse over the signals (DEP, equations 8 and 10); 0, without gradient, where a kind has none.

    Args:
        soft: What a module made.
        rho: The wanted mean activation.
    """
    none = soft.bank.new_zeros(())
    sparse = sum((loss.sparsity(rho, each.mean, each.mask) for each in soft.activity), none)
    return {"recon": none if soft.recon is None else soft.recon, "sparse": sparse}


def text_nll(llm: nn.Module, bank: Tensor, batch: Batch) -> Tensor:
    """Mean negative log-likelihood a token of each example's text: (batch,).

    The LLM sees embeddings and gives logits for the columns of the texts only: (batch, t, vocab), never (batch, n,
    vocab), which for a large vocabulary is most of the memory of a step.
    """
    hugging = cast(Any, llm)
    look_up = hugging.get_input_embeddings()
    embeds = splice(look_up(batch.token_ids), bank, batch.slots)
    attend = functional.pad(batch.attend, (len(batch.beginning), 0), value=1)
    begun = None
    if hugging.is_activation_checkpointing:  # which keeps nothing that was read
        embeds = torch.cat([look_up(batch.beginning).expand(len(embeds), -1, -1), embeds], dim=1)
    elif len(batch.beginning):
        begun = _read_beginning(hugging, batch)
    width = batch.targets.shape[1]
    answer = hugging(
        inputs_embeds=embeds,
        attention_mask=attend,
        position_ids=(attend.cumsum(dim=1) - 1).clamp(min=0)[:, -embeds.shape[1] :],
        past_key_values=begun,
        logits_to_keep=width + 1,
        use_cache=False,
    )
    return loss.generation(answer.logits[:, -width - 1 : -1], batch.targets, batch.learned)


@torch.no_grad()
def _read_beginning(hugging: Any, batch: Batch) -> Any:  # noqa: ANN401 - Hugging Face's models and caches are untyped
    """The LLM's keys and values of what all prompts begin with, read once for the whole batch."""
    begun = hugging(input_ids=batch.beginning.unsqueeze(0), use_cache=True, logits_to_keep=1).past_key_values
    begun.batch_repeat_interleave(len(batch.token_ids))
    return begun
