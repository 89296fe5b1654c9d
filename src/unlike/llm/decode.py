"""Writing and scoring texts in batches, each as if it were alone.

The library's own ``generate`` draws for all texts of a batch from one seed, so a text would depend on its company.
Here every text has its own. What company still changes are the last bits of the logits, by the order in which sums
are made. In float32 a text turns on them only where two tokens are as good as equally likely (SmolLM2: 8 of 8 texts the
same alone and in a batch); bfloat16 has so few bits that many texts do (2 of 8 the same).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

from unlike.errors import CallFailed
from unlike.llm.backend import LogitBias, Sampling

NUCLEUS_TOKENS = 1024
"""Tokens sorted to find a nucleus; all are where these do not suffice. Sorting 50,000 takes longer than a small LLM."""
LOGITS_AT_ONCE = 2**28
"""Logits computed at a time for scores: 1 GB as float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A text to be written.

    Attributes:
        embeds: (tokens, hidden) the prompt.
        sampling: How, ``max_tokens`` at least 1.
        given_up: Called before every token: whether no one waits for the text any more.
    """

    embeds: Tensor
    sampling: Sampling
    given_up: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Written:
    """A text that is done.

    Attributes:
        token_ids: The token that ended it included.
        finish_reason: "length" where ``max_tokens`` cut it.
    """

    token_ids: list[int]
    finish_reason: Literal["stop", "length"]


@torch.no_grad()
def write(model: nn.Module, rows: Sequence[Row], ends: Sequence[int]) -> Iterator[tuple[int, Written]]:
    """Write a batch of texts; each is given as soon as it is done, and leaves the batch.

    Args:
        model: A causal LM of the transformers library.
        rows: At least one.
        ends: Token ids that end a text.

    Yields:
        Place in ``rows`` and text; a row that was given up yields nothing.
    """
    texts = [_Text(place, row, _generator(row.sampling.seed)) for place, row in enumerate(rows)]
    embeds, mask = left_padded([row.embeds for row in rows])
    cache: Any = DynamicCache(config=cast(Any, model.config))
    reading: dict[str, Any] = {"past_key_values": cache, "use_cache": True}
    logits = _logits(model, mask, 1, inputs_embeds=embeds, **reading)
    while True:
        for text, its_logits in zip(texts, logits, strict=True):
            text.add(its_logits[-1])
        for text in texts:
            if reason := text.finished(ends):
                yield text.place, Written(text.token_ids, reason)
        kept = [n for n, text in enumerate(texts) if not text.finished(ends) and not text.row.given_up()]
        if not kept:
            return
        if len(kept) < len(texts):
            texts, among = [texts[n] for n in kept], torch.tensor(kept, device=mask.device)
            mask = mask[among]
            cache.reorder_cache(among)
        last = torch.tensor([[text.token_ids[-1]] for text in texts], device=mask.device)
        mask = torch.cat([mask, torch.ones_like(last)], dim=1)
        logits = _logits(model, mask, 1, input_ids=last, **reading)


@torch.no_grad()
def score(
    model: nn.Module, wholes: Sequence[Tensor], texts: Sequence[Tensor], biases: Sequence[LogitBias] = ()
) -> list[Tensor]:
    """Log-probability of each token of a text after its prompt, teacher forced.

    Args:
        model: A causal LM of the transformers library.
        wholes: (tokens, hidden) embeddings of each prompt, of at least one token, with its text behind it.
        texts: (n,) int64 token ids of each text.
        biases: What is added to the logits of each; none for nothing.

    Returns:
        (n,) float32 natural logarithms for each text.
    """
    longest, biases = max(len(text) for text in texts), biases or [()] * len(texts)
    vocabulary: int = cast(Any, model.config).get_text_config(decoder=True).vocab_size
    # A processor reads a text alone as fast as many together, and then nothing is padded.
    on_processor = wholes[0].device.type == "cpu"
    at_once = 1 if on_processor else max(1, LOGITS_AT_ONCE // ((longest + 1) * vocabulary))
    scores: list[Tensor] = []
    for start in range(0, len(texts), at_once):
        embeds, mask = left_padded(wholes[start : start + at_once])
        logits = _logits(model, mask, longest + 1, inputs_embeds=embeds, use_cache=False)
        batch = slice(start, start + at_once)
        for text, bias, its_logits in zip(texts[batch], biases[batch], logits, strict=True):
            # The logits before a token give its probability: (n, vocabulary).
            before = biased(its_logits[-len(text) - 1 : -1].float(), bias).log_softmax(dim=-1)
            scores.append(before.gather(1, text[:, None]).squeeze(1))
    return scores


def left_padded(embeds: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sequences of different lengths as one batch, every one ending at the right.

    Args:
        embeds: (tokens, hidden) each.

    Returns:
        (batch, longest, hidden) embeddings, zero where padded, and the (batch, longest) int64 mask, 0 where padded.
    """
    padded = pad_sequence(list(embeds), batch_first=True, padding_side="left")
    ones = [torch.ones(len(rows), dtype=torch.int64, device=rows.device) for rows in embeds]
    return padded, pad_sequence(ones, batch_first=True, padding_side="left")


def biased(logits: Tensor, bias: LogitBias) -> Tensor:
    """Logits, (..., vocabulary), with what is added to those of some tokens."""
    if not bias:
        return logits
    token_ids = torch.tensor([token for token, _ in bias], device=logits.device)
    added = torch.tensor([value for _, value in bias], dtype=logits.dtype, device=logits.device)
    return logits.index_add(-1, token_ids, added.expand(*logits.shape[:-1], -1))


def draw_token(logits: Tensor, sampling: Sampling, draw: float) -> int:
    """The next token of one text: the likeliest at temperature 0, else the one that the draw falls on.

    The nucleus is laid out in the order of the vocabulary, so that last bits of the logits hardly ever matter.

    Args:
        logits: (vocabulary,).
        sampling: Temperature, top_p and logit bias.
        draw: In [0, 1), a multiple of 2 ** -24, so that no rounding lifts it to 1.

    Raises:
        CallFailed: No token can be chosen, since logits are NaN or infinite.
    """
    logits = biased(logits.float(), sampling.logit_bias)
    if sampling.temperature <= 0:
        likeliest = int(logits.argmax())
        _check_finite(logits[likeliest])
        return likeliest
    token_ids, probabilities = nucleus((logits / sampling.temperature).softmax(dim=-1), sampling.top_p)
    heights = probabilities.cpu().double().cumsum(dim=0)
    _check_finite(heights[-1])
    return int(token_ids[int(torch.searchsorted(heights, draw * heights[-1], right=True))])


def _check_finite(value: Tensor) -> None:
    if not value.isfinite():
        raise CallFailed(
            "the logits of the next token are NaN or infinite: no token can be chosen; open the LLM in float32, or check "
            "its weights and the adapter's"
        )


def nucleus(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The smallest set of tokens that have ``top_p`` of the probability together, at least one.

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020, section 3.1.

    Args:
        probabilities: (vocabulary,).
        top_p: 1 or more keeps all.

    Returns:
        (n,) token ids, rising, and their (n,) probabilities.
    """
    if top_p >= 1:
        return torch.arange(len(probabilities), device=probabilities.device), probabilities
    top, token_ids = probabilities.topk(min(NUCLEUS_TOKENS, len(probabilities)))
    if top.sum() < top_p:
        top, token_ids = probabilities.sort(descending=True)
    before = top.cumsum(dim=0) - top
    kept = token_ids[: max(1, int((before < top_p).sum()))].sort().values
    return kept, probabilities[kept]


@dataclass(slots=True, eq=False)
class _Text:
    """A text being written."""

    place: int
    row: Row
    generator: torch.Generator
    token_ids: list[int] = field(default_factory=list[int])

    def add(self, logits: Tensor) -> None:
        draw = float(torch.rand(1, generator=self.generator))
        self.token_ids.append(draw_token(logits, self.row.sampling, draw))

    def finished(self, ends: Sequence[int]) -> Literal["stop", "length"] | None:
        if self.token_ids[-1] in ends:
            return "stop"
        return "length" if len(self.token_ids) >= self.row.sampling.max_tokens else None


def _logits(model: nn.Module, mask: Tensor, kept: int, **given: Any) -> Tensor:  # noqa: ANN401
    """(batch, kept, vocabulary) logits of the last positions; padding takes no position."""
    new = given["inputs_embeds" if "inputs_embeds" in given else "input_ids"].shape[1]
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -new:]
    return model(attention_mask=mask, position_ids=positions, logits_to_keep=kept, **given).logits


def _generator(seed: int) -> torch.Generator:
    """On the processor, wherever the model is, so that a seed means the same everywhere."""
    return torch.Generator().manual_seed(seed % 2**63)
