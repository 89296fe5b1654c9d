"""A soft prompt as the LLM reads it: its own token embeddings, with the adapter's vectors in their places."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from unlike.errors import CallFailed, InputError
from unlike.llm.soft_prompt import SoftPrompt


@torch.no_grad()
def embedded(matrix: Tensor, prompt: SoftPrompt, llm: str, dtype: torch.dtype | None = None) -> Tensor:
    """(tokens, hidden) what the LLM reads.

    Args:
        matrix: (vocabulary, hidden) the LLM's token embeddings.
        prompt: Tokens, places and vectors.
        llm: Its name, for errors.
        dtype: Of the result; None for that of the matrix.

    Raises:
        InputError: The vectors or token ids are not for this LLM; an engine could go down over them.
    """
    check_fits(matrix.shape, prompt, llm)
    places = torch.from_numpy(prompt.places).to(matrix.device)
    token_ids = torch.from_numpy(prompt.token_ids).to(matrix.device).index_fill(0, places, 0)
    rows = matrix[token_ids].to(dtype or matrix.dtype)
    return rows.index_copy(0, places, torch.from_numpy(prompt.vectors).to(rows))


def check_length(llm: str, n_tokens: int, max_tokens: int, context_tokens: int | None) -> None:
    """Refuse a prompt that leaves no room for its answer.

    Raises:
        CallFailed: Prompt and answer exceed the context.
    """
    if context_tokens is not None and n_tokens + max_tokens > context_tokens:
        raise CallFailed(
            f"{llm}: {n_tokens} tokens of prompt and {max_tokens} new ones exceed the context of {context_tokens}; "
            "shorten the prompt or lower max_tokens"
        )


def check_fits(shape: Sequence[int], prompt: SoftPrompt, llm: str) -> None:
    """Refuse a prompt for another LLM.

    Args:
        shape: (vocabulary, hidden) of the token embeddings.
        prompt: Tokens, places and vectors.
        llm: Its name, for errors.

    Raises:
        InputError: The vectors or token ids are not for this LLM.
    """
    vocabulary, hidden = shape
    if len(prompt.places) and prompt.vectors.shape[1] != hidden:
        raise InputError(
            f"{llm}: soft vectors have {prompt.vectors.shape[1]} dimensions, the LLM's token embeddings {hidden}; "
            "use the LLM that the adapter was trained for"
        )
    read = np.delete(prompt.token_ids, prompt.places)
    if len(read) and not 0 <= read.min() <= read.max() < vocabulary:
        raise InputError(
            f"{llm}: token ids from {read.min()} to {read.max()}; the LLM knows 0 to {vocabulary - 1}; "
            "use the tokenizer of this LLM"
        )
