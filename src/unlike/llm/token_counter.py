"""A model of this process without its weights: counts tokens and makes prompts for forecasts, so nothing large is opened."""

from functools import cached_property
from pathlib import Path

import torch

from unlike.errors import EngineError
from unlike.llm.backend import Completion, Messages, Sampling
from unlike.llm.local_model import WithChatTokenizer, open_model_files
from unlike.llm.soft_prompt import SoftPrompt
from unlike.llm.token_embeddings import TokenEmbeddings, open_token_embeddings


class TokenCounter(WithChatTokenizer):
    """``transformers:MODEL`` or ``vllm:MODEL`` as a Backend and EmbedsBackend that answers no call.

    Args:
        engine: "transformers" or "vllm".
        name: "smollm2" for the packaged model, a model folder, or a model name of the hub.
        dtype: Of the computation; "" for the engine's own choice.
        context_tokens: Limit of prompt and answer together; None for the model's own.

    Raises:
        InputError: There is no such model, or no chat template.
        MissingPart: The packaged model is not installed.
    """

    offers_schema = False

    def __init__(
        self,
        name: str,
        *,
        engine: str,
        dtype: str = "",
        context_tokens: int | None = None,
    ) -> None:
        self._name, self._engine = name, engine
        self._files = open_model_files(name, "its tokenizer cannot be read")
        known = (self._files.context_tokens, context_tokens)
        self.context_tokens = min((n for n in known if n is not None), default=None)
        self.tokens = self._files.tokens
        self._dtype = dtype or self._own_dtype()

    @property
    def model(self) -> str:
        """The name in journals, the same as the engine's."""
        known_as = self._embeddings.name if Path(self._name).is_dir() else self._name
        return f"{self._engine}:{known_as}" + ("" if self._dtype == "float32" else f":{self._dtype}")

    @property
    def hidden(self) -> int:
        """Width of the token embeddings."""
        return self._embeddings.hidden

    @property
    def llm_hash(self) -> str:
        """SHA-256 of the token embeddings."""
        return self._embeddings.llm_hash

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Not offered.

        Raises:
            EngineError: Always.
        """
        raise EngineError(f"{self.model} was opened to count tokens; open it with open_llm")

    async def complete_soft(self, prompt: SoftPrompt, sampling: Sampling) -> Completion:
        """Not offered; see ``complete``."""
        raise EngineError(f"{self.model} was opened to count tokens; open it with open_llm")

    async def aclose(self) -> None:
        """There is nothing to close."""

    @cached_property
    def _embeddings(self) -> TokenEmbeddings:
        return open_token_embeddings(self._name)

    def _own_dtype(self) -> str:
        """On a GPU, vLLM computes in the precision of the files, but in bfloat16 where that is float32."""
        if self._engine == "transformers" or not torch.cuda.is_available():
            return "float32"
        named = str(getattr(self._files.text_config, "dtype", None)).removeprefix("torch.")
        return named if named in ("bfloat16", "float16") else "bfloat16"
