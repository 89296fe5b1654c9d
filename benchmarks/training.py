"""A training step of DEP with the paper's settings against one as the released code does it.

There every example is padded to the longest that there may be, and logits are made for every token. Both sides have the
same frozen LLM in float32, the same examples, one at a time, and come to the same loss and gradient.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.music import SHORT, music
from benchmarks.own_process import alone, peak_mb
from benchmarks.row import Row

if TYPE_CHECKING:
    from torch import nn

    from unlike.latent.batch import Batch
    from unlike.latent.loss import LossTerms
    from unlike.latent.settings import Recipe
    from unlike.latent.training_data import TrainingData

BATCH = 1
N_EXAMPLES = 3
PROMPT_TOKENS, WIDTH = 3_072, 3_072 + 2_048 + 1
"""The limit of a prompt, and what prompt and text are padded to, in the released code."""
SPEED, MEMORY = 3.5, 0.5


def main(quick: bool = False) -> list[Row]:
    """Speed and memory; each side has a process of its own."""
    n = 2 if quick else N_EXAMPLES
    ours, theirs = (alone(_measured, side, n) for side in SIDES)
    assert ours["terms"].keys() == theirs["terms"].keys()
    worst = max(abs(value - theirs["terms"][name]) / abs(value) for name, value in ours["terms"].items() if value)
    assert worst < 1e-3, f"the losses differ by {worst:.1e} of their size: {ours['terms']} and {theirs['terms']}"
    against = "one example at a time, padded to the maximum, logits everywhere"
    facts = {
        "examples": n,
        "batch": BATCH,
        "mean_tokens": round(ours["tokens"] / n),
        "padded_to": theirs["width"],
        "tokens_s": round(ours["tokens"] / ours["s"], 1),
        "their_tokens_s": round(theirs["tokens"] / theirs["s"], 1),
        "losses_differ_by": worst,
    }
    own_mb, their_mb = (side["peak_mb"] - side["before_mb"] for side in (ours, theirs))
    memory = {
        "mb": round(own_mb),
        "their_mb": round(their_mb),
        "mb_of_process": round(ours["peak_mb"]),
        "mb_of_their_process": round(theirs["peak_mb"]),
        "mb_of_llm_and_libraries": round(ours["before_mb"]),
    }
    return [
        Row("training step of DEP, tokens a second", against, theirs["s"] / ours["s"], SPEED, facts=facts),
        Row("training step of DEP, memory beside LLM and libraries", against, own_mb / their_mb, MEMORY, at_most=True,
            facts=memory),
    ]  # fmt: skip


def _measured(side: str, n: int) -> dict[str, Any]:
    """One step over n examples: seconds, tokens, memory, terms of the loss."""
    import torch

    from unlike.latent.settings import recipe

    chosen = recipe("paper", "dep", {"precision": "float32", "max_prompt_tokens": PROMPT_TOKENS})
    data = _data(chosen, n)
    module, llm = data.untrained_module(0), data.llm.model
    groups, terms_of = SIDES[side](data, chosen)
    llm(input_ids=torch.ones(1, 8, dtype=torch.int64))  # what is made at first use is made
    before = peak_mb()
    started = time.perf_counter()
    terms: dict[str, float] = {}
    for batch in groups:
        found = terms_of(llm, module, batch)
        share = len(batch.token_ids) / n
        (found.loss * share).backward()
        for name, value in found._asdict().items():
            terms[name] = terms.get(name, 0.0) + value.item() * share
    seconds = time.perf_counter() - started
    terms["gradient"] = float(sum(weight.grad.norm() ** 2 for weight in module.parameters() if weight.grad is not None))
    return {
        "s": seconds,
        "tokens": sum(batch.n_tokens for batch in groups),
        "width": groups[0].token_ids.shape[1],
        "before_mb": before,
        "peak_mb": peak_mb(),
        "terms": terms,
    }


Objective = Callable[["nn.Module", "nn.Module", "Batch"], "LossTerms"]
Side = tuple["Sequence[Batch]", Objective]


def _ours(data: "TrainingData", chosen: "Recipe") -> Side:
    """As ``unlike.latent.train`` does it: examples of like length together, no more padding than that takes."""
    from unlike.latent.batch import batches, collate
    from unlike.latent.loss import objective, step_size

    examples = data.examples
    lengths = [len(example.token_ids) + len(example.target_ids) for example in examples]
    order = batches(lengths, BATCH, seed=0, epoch=0)
    groups = [collate([examples[place] for place in places], chosen.adapter.n_records) for places in order]
    return groups, lambda llm, module, batch: objective(llm, module, batch, chosen.train.weights, step_size([batch]))


def _theirs(data: "TrainingData", chosen: "Recipe") -> Side:
    """As DEP's released code does it."""
    from unlike.latent.batch import collate

    groups = [_padded(collate([example], chosen.adapter.n_records)) for example in data.examples]
    return groups, lambda llm, module, batch: _with_all_logits(llm, module, batch, chosen)


SIDES: dict[str, Callable[["TrainingData", "Recipe"], Side]] = {"ours": _ours, "theirs": _theirs}


def _padded(batch: "Batch") -> "Batch":
    """The batch of one example with its beginning like any other token, and padding up to WIDTH."""
    from dataclasses import replace

    import torch
    from torch.nn.functional import pad

    beginning = batch.beginning[None]
    more = WIDTH - beginning.shape[1] - batch.token_ids.shape[1]
    return replace(
        batch,
        beginning=batch.beginning[:0],
        token_ids=pad(torch.cat([beginning, batch.token_ids], 1), (more, 0)),
        slots=pad(torch.cat([torch.full_like(beginning, -1), batch.slots], 1), (more, 0), value=-1),
        attend=pad(torch.cat([torch.ones_like(beginning), batch.attend], 1), (more, 0)),
    )


def _with_all_logits(llm: Any, module: "nn.Module", batch: "Batch", chosen: "Recipe") -> "LossTerms":  # noqa: ANN401
    """Equation 11 with the LLM's own loss: logits of all tokens, the label -100 where nothing is to be learned."""
    import torch
    from torch.nn import functional

    from unlike.latent.loss import LossTerms, reconstruction, sparsity, splice

    weights = chosen.train.weights
    soft = module(batch.inputs)
    tokens = llm.get_input_embeddings()(batch.token_ids)
    places = (batch.attend.cumsum(dim=1) - 1).clamp(min=0)
    logits = llm(
        inputs_embeds=splice(tokens, soft.bank, batch.slots),
        attention_mask=batch.attend,
        position_ids=places,
        use_cache=False,
    ).logits.float()
    labels = torch.full_like(batch.token_ids, -100)
    labels[:, -batch.targets.shape[1] :] = torch.where(batch.learned, batch.targets, -100)
    gen = functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    recon = torch.stack([reconstruction(each) for each in soft.coded]).sum()
    sparse = torch.stack([sparsity(each, weights.rho) for each in soft.coded]).sum()
    loss = gen + weights.recon * (recon + weights.sparse * sparse)
    return LossTerms(loss, gen, recon, sparse, torch.zeros(()))


def _data(chosen: "Recipe", n: int) -> "TrainingData":
    """The first n training examples, on the packaged LLM."""
    from dataclasses import replace

    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.latent.training_data import training_cases, training_data
    from unlike.llm.local_model import open_local_model
    from unlike.prompts.task import open_task

    _, corpus = music(SHORT)
    cases = [case for _, case in training_cases([corpus], chosen.train)][:n]
    few = Corpus(corpus.records(), corpus.items(), cases)
    recipe = replace(chosen, train=replace(chosen.train, validation=0))
    return training_data([few], open_local_model("smollm2"), open_encoder("hashing:384"), open_task(), recipe, salt="s")
