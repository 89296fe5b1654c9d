"""vLLM behind an address: chat messages over its chat API, soft prompts as prompt embeddings over its completions API.

Start the server with

    vllm serve MODEL --enable-prompt-embeds --no-enable-prefix-caching --generation-config vllm

Without the first option it refuses soft prompts. The second keeps it from taking one prompt's cache for another's
(vllm-project/vllm#56655). The third keeps the model's own sampling defaults from being mixed into ours.

Keep such a server on a private network: it loads tensors that its callers send, which has been a way into it before
(CVE-2025-62164) and, by their size, can still take it down.

vLLM gives no log-probabilities behind prompt embeddings over HTTP, so this engine does not score texts; use vLLM in this
process (``vllm:MODEL``) or transformers for that.
"""

import asyncio
import base64
import io
import time
from typing import Any, Literal

import torch
from torch import Tensor

from unlike.errors import EngineError, InputError
from unlike.llm.backend import Completion, Sampling, check_length
from unlike.llm.http_client import HttpClient, StatusError
from unlike.llm.local_model import DTYPES, WithChatTokenizer
from unlike.llm.openai_chat import chat_fields, read_completion
from unlike.llm.openai_http import OpenAIBackend
from unlike.llm.retry import Waits
from unlike.llm.soft_prompt import SoftPrompt
from unlike.llm.token_embeddings import open_token_embeddings
from unlike.settings import BATCH_ENDPOINT

FLAG = "--enable-prompt-embeds"


class VllmHttpBackend(WithChatTokenizer, OpenAIBackend):
    """A chat model of a vLLM server, as Backend and EmbedsBackend.

    Args:
        model: The server's name of the model.
        base_url: Up to and with "/v1".
        model_folder: Where tokenizer and token embeddings of that very model lie (or "smollm2", or a name of the hub),
            where the server's name does not say; the server is not asked whether it is the same one.
        api_key: Else OPENAI_API_KEY; a server of one's own may go without.
        timeout_s: For one attempt, from sending to the last byte.
        total_s: For a call with all its attempts and pauses.
        max_retries: Attempts after the first.
        max_answer_bytes: Maximum size of an answer.
        context_tokens: What the server takes (its --max-model-len); else what the model was made for.
        dtype: Of the embeddings that are sent. bfloat16 is half the size, and no loss where the server computes in it.
        waits: Lengths of the pauses between attempts.

    Raises:
        InputError: An address that is not one, an unknown dtype, or token embeddings that cannot be read.
        MissingPart: The packaged model is not installed.
    """

    _ENGINE = "vllm"

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        model_folder: str | None = None,
        api_key: str | None = None,
        timeout_s: float = BATCH_ENDPOINT.timeout_s,
        total_s: float = BATCH_ENDPOINT.total_s,
        max_retries: int = BATCH_ENDPOINT.max_retries,
        max_answer_bytes: int = BATCH_ENDPOINT.max_answer_bytes,
        context_tokens: int | None = None,
        dtype: Literal["float32", "bfloat16"] = "float32",
        waits: Waits | None = None,
    ) -> None:
        if dtype not in DTYPES:
            raise InputError(f"LLM {model!r}: dtype {dtype!r}; allowed are {', '.join(DTYPES)}")
        super().__init__(
            model,
            base_url=base_url,
            api_key=api_key,
            timeout_s=timeout_s,
            total_s=total_s,
            max_retries=max_retries,
            max_answer_bytes=max_answer_bytes,
            waits=waits,
        )
        embeddings = open_token_embeddings(model_folder or model)
        self.context_tokens = context_tokens or embeddings.context_tokens
        self.hidden = embeddings.hidden
        self.llm_hash = embeddings.llm_hash
        self.tokens = embeddings.tokens
        self._embeddings = embeddings
        self._dtype = DTYPES[dtype]

    async def complete_soft(self, prompt: SoftPrompt, sampling: Sampling) -> Completion:
        """Answer one soft prompt; retried as every call. A schema is not looked at.

        Raises:
            CallFailed: Too long, or the call failed for good.
            InputError: The vectors or token ids are not for this LLM.
            EngineError: The server takes no prompt embeddings, or no call can succeed.
        """
        check_length(self.model, len(prompt.token_ids), sampling.max_tokens, self.context_tokens)
        sent = await asyncio.to_thread(lambda: tensor_text(self._embeddings.embedded(prompt).to(self._dtype)))

        fields: dict[str, Any] = {
            "model": self._name,
            "prompt": None,
            "prompt_embeds": sent,
            "stop_token_ids": list(self._embeddings.ends),
            **chat_fields(sampling, {"response_format"}),
        }

        async def attempt(client: HttpClient) -> Completion:
            started = time.monotonic()
            try:
                body = await client.post("completions", fields)
            except StatusError as error:
                self._raise_without_flag(error)
                raise
            return read_completion(body, time.monotonic() - started, _text)

        return await self.endpoint.ask(attempt)

    def _raise_without_flag(self, error: StatusError) -> None:
        if FLAG in error.body:
            raise EngineError(
                f"{self.model}: the server at {self.endpoint.shown_url} takes no soft prompts; start it with: "
                f"vllm serve {self._name} {FLAG} --no-enable-prefix-caching --generation-config vllm"
            ) from error


def tensor_text(embeds: Tensor) -> str:
    """A tensor as vLLM's completions API reads it: base64 of what ``torch.save`` writes."""
    file = io.BytesIO()
    torch.save(embeds.detach().clone(), file)  # a view would be saved with all that it is a view of
    return base64.b64encode(file.getvalue()).decode("ascii")


def _text(choice: Any) -> Any:  # noqa: ANN401 - parsed JSON
    return choice["text"]
