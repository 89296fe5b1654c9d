"""Soft prompts: prompts in which vectors stand among the tokens, and what an engine must do to take them.

The vectors come from a trained adapter; the LLM itself stays as it is. Whoever owns the LLM's token embeddings puts
the vectors in their places, so a prompt travels as token ids, places and vectors.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from unlike.errors import InputError
from unlike.llm.backend import Backend, Completion, LogitBias, Messages, Sampling
from unlike.records import Item

SOFT_STEPS = {"single": "soft", "turns": "soft_turns"}
"""The template of a soft prompt, by layout."""


@dataclass(frozen=True, slots=True, eq=False)
class SoftPrompt:
    """A prompt with soft vectors, chat template and all.

    Attributes:
        token_ids: (n_tokens,) int64; what stands at a soft place does not matter.
        places: (n_soft,) int64, rising: where the vectors stand.
        vectors: (n_soft, hidden) float32, in the space of the LLM's token embeddings.
        adapter: Digest of the adapter that made the vectors; "" for none.

    Raises:
        InputError: Places and vectors do not fit each other or the tokens.
    """

    token_ids: NDArray[np.int64]
    places: NDArray[np.int64]
    vectors: NDArray[np.float32]
    adapter: str = ""
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        rising = bool(np.all(np.diff(self.places) > 0)) if len(self.places) else True
        inside = len(self.places) == 0 or (self.places[0] >= 0 and self.places[-1] < len(self.token_ids))
        if len(self.places) != len(self.vectors) or not rising or not inside:
            raise InputError(
                f"soft prompt: {len(self.vectors)} vectors, {len(self.places)} places in {len(self.token_ids)} tokens; "
                "every vector needs one place of its own inside the prompt, in rising order"
            )
        parts = (self.token_ids.astype("<i8"), self.places.astype("<i8"), self.vectors.astype("<f4"))
        text = b"".join(part.tobytes() for part in parts) + self.adapter.encode()
        object.__setattr__(self, "digest", hashlib.sha256(text).hexdigest())


@dataclass(frozen=True, slots=True, eq=False)
class SoftAsk:
    """A soft prompt and how it came about.

    Attributes:
        prompt: What the engine gets.
        step: Name of the prompt's template.
        messages: What a person may read of it; private-use characters stand for the vectors.
        record_ids: All records whose words are in it, as text or in a vector.
        past: The own records it shows: their texts as they stand in it by id, "" for a record shown by vectors alone.
        n_compared: How many of them have a difference.
        left_out: What did not fit.
        items: Items whose titles and descriptions it shows, whole.
    """

    prompt: SoftPrompt
    step: str
    messages: Messages
    record_ids: tuple[str, ...]
    past: Mapping[str, str]
    n_compared: int
    left_out: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()


class ChatTokens(Protocol):
    """The tokenizer of an LLM with its chat template.

    Attributes:
        end_id: The token that ends an answer.
    """

    @property
    def end_id(self) -> int:
        """The token that ends an answer."""
        ...

    def render(self, messages: Messages) -> str:
        """The messages in the LLM's chat template, up to where the answer begins."""
        ...

    def encode(self, text: str) -> list[int]:
        """Token ids of a rendered text; control tokens in it are read as such."""
        ...


class EmbedsBackend(Backend, Protocol):
    """An engine that also takes soft prompts.

    Attributes:
        hidden: Width of the LLM's token embeddings.
        llm_hash: SHA-256 of the LLM's token embeddings, by which an adapter knows its LLM.
        tokens: The LLM's tokenizer.
    """

    @property
    def hidden(self) -> int:
        """Width of the token embeddings."""
        ...

    @property
    def llm_hash(self) -> str:
        """Which LLM it is, whatever it is called."""
        ...

    @property
    def tokens(self) -> ChatTokens:
        """The LLM's tokenizer."""
        ...

    async def complete_soft(self, prompt: SoftPrompt, sampling: Sampling) -> Completion:
        """Answer one soft prompt; see ``Backend.complete``."""
        ...


def takes_soft_prompts(backend: Backend) -> TypeGuard[EmbedsBackend]:
    """Whether an engine takes soft prompts."""
    return hasattr(backend, "complete_soft")


class Scorer(Protocol):
    """An engine that says how likely a text is."""

    async def logprobs(
        self, prompt: SoftPrompt, continuation: NDArray[np.int64], bias: LogitBias = ()
    ) -> NDArray[np.float64]:
        """Log-probability of each token of a continuation after a prompt, teacher forced.

        Args:
            prompt: What comes before.
            continuation: (n,) token ids.
            bias: What is added to the logits of some tokens, before they are normalised.

        Returns:
            (n,) natural logarithms.

        Raises:
            InputError: The engine scores no texts with a bias.
        """
        ...
