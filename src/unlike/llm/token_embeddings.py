"""What a client must know of an LLM that runs elsewhere: its tokenizer and its token embeddings, without the LLM.

A soft prompt is put together where the vectors are, and only its embeddings travel. So the embedding matrix is read from
the model's safetensors files by itself: the other weights stay where they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from unlike.errors import InputError
from unlike.llm.local_model import ChatTokenizer, ModelFiles, embeddings_hash, open_model_files
from unlike.llm.model_source import embedding_rows, ends_of, explain_load_errors, name_of
from unlike.llm.soft_prompt import SoftPrompt

_FAILED = "its token embeddings cannot be read (a server's own name for a model needs model_folder)"


@dataclass(frozen=True, slots=True, eq=False)
class TokenEmbeddings:
    """The way into an LLM.

    Attributes:
        name: What it was opened as; for a folder its last part and the beginning of ``llm_hash``.
        source: Folder, or name on the hub.
        tokens: Its tokenizer.
        matrix: (vocabulary, hidden) token embeddings, in the dtype of the file.
        llm_hash: SHA-256 of the token embeddings as float32, the same as of the opened model.
        ends: Token ids that end an answer, rising.
        context_tokens: Tokens it was made for; None where its configuration does not say.
    """

    name: str
    source: str
    tokens: ChatTokenizer
    matrix: Tensor
    llm_hash: str
    ends: tuple[int, ...]
    context_tokens: int | None

    @property
    def hidden(self) -> int:
        """Width of the token embeddings."""
        return int(self.matrix.shape[1])

    def embedded(self, prompt: SoftPrompt) -> Tensor:
        """(tokens, hidden) float32 what the LLM reads: its own embeddings, and the vectors in their places.

        Raises:
            InputError: The vectors or token ids are not for this LLM; an engine could go down over them.
        """
        return embedded(self.matrix, prompt, f"LLM {self.name!r}", torch.float32)


def open_token_embeddings(name: str) -> TokenEmbeddings:
    """Read tokenizer, configuration and token embeddings of a chat model; of a model on the hub only those files.

    Args:
        name: "smollm2" for the packaged model, a model folder, or a model name of the hub.

    Raises:
        InputError: No such model; not a causal LM; no chat template; no safetensors; its embeddings are not what
            its layers read.
        MissingPart: The packaged model, or a library that this model needs, is not installed.
    """
    files = open_model_files(name, _FAILED)
    _check_unscaled(name, files.text_config)
    with explain_load_errors(name, _FAILED):
        matrix = embedding_rows(name, files.source)
    _check_matrix(name, matrix, files.text_config)
    digest = embeddings_hash(matrix)
    return TokenEmbeddings(
        name=name_of(name, digest),
        source=files.source,
        tokens=files.tokens,
        matrix=matrix,
        llm_hash=digest,
        ends=_ends(files),
        context_tokens=files.context_tokens,
    )


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


def _check_unscaled(name: str, config: Any) -> None:  # noqa: ANN401
    """Refuse models whose rows are scaled on the way in: engines differ in where they scale."""
    if "gemma" in config.model_type or getattr(config, "scale_embedding", False):
        raise InputError(
            f"LLM {name!r}: a {config.model_type} scales its token embeddings on the way in, so rows of its file are "
            "not what its layers read; use it as transformers:MODEL, or another LLM"
        )


def _check_matrix(name: str, matrix: Tensor, config: Any) -> None:  # noqa: ANN401
    width = getattr(config, "hidden_size", None)
    plain = matrix.dtype in (torch.float32, torch.bfloat16, torch.float16)
    if not plain or matrix.ndim != 2 or matrix.shape[1] != width:
        raise InputError(
            f"LLM {name!r}: token embeddings of shape {tuple(matrix.shape)} as {matrix.dtype}, layers of width {width}; "
            "only plain ones of the layers' width can be used from outside; use transformers:MODEL"
        )


def _ends(files: ModelFiles) -> tuple[int, ...]:
    """What the model's files call the end of a text, and what its chat template puts behind an answer."""
    try:
        named = transformers.GenerationConfig.from_pretrained(files.source).eos_token_id
    except OSError:  # not every model has such a file
        named = files.config.eos_token_id
    return ends_of(named, files.tokens.tokenizer.eos_token_id, files.tokens.end_id)
