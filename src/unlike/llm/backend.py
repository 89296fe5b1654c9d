"""What an LLM engine must do to be used here: turn chat messages into text, and count tokens.

An engine may offer more (soft prompts, log-probabilities); each such skill is a protocol of its own.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from unlike.errors import CallFailed, InputError

MAX_REPORTED_TOKENS = 10**8
"""Of a call; a higher count that an engine reports is not believed."""
PART_TOKENS = 1_000
"""Estimated tokens of a part of a message that is not text, such as an image."""
Messages = Sequence[Mapping[str, Any]]
"""Chat messages, each {"role": "system" | "user" | "assistant", "content": text}; those of a ``PassedChat`` may be any of
OpenAI's API."""

LogitBias = tuple[tuple[int, float], ...]
"""Token ids, rising, and what is added to their logits before a token is drawn."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How text is sampled. The defaults are the settings of both papers (SPEC: top_p 0.95, 2,048 new tokens).

    Attributes:
        schema: JSON schema that the answer must follow, as canonical JSON text (sorted keys, so that the same schema
            is the same call); "" for free text. Only for engines that offer it, see ``Backend.offers_schema``.
        cache_salt: Who may share the engine's prefix cache: answers never depend on it, so it is no part of a journal's
            key. Engines that know no salts overlook it.
        logit_bias: What is added to the logits of some tokens; only for engines that take it, see ``token_ids_of``.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 2048
    seed: int = 0
    schema: str = ""
    cache_salt: str = ""
    logit_bias: LogitBias = ()


PLACEHOLDER = "placeholder"
"""The finish reason of an answer that a forecast assumes: nothing is concluded from its words."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to one call.

    Attributes:
        text: What the model wrote.
        prompt_tokens: Tokens of the prompt as the engine counted them.
        completion_tokens: Tokens written.
        finish_reason: "stop", "length" where ``max_tokens`` cut the text, PLACEHOLDER, or the engine's own word.
        wall_s: Seconds from sending to the last token.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = "stop"
    wall_s: float = 0.0


class Backend(Protocol):
    """An engine with one chat model.

    Attributes:
        model: Engine and model as one string ("openai:gpt-4o-mini"); part of every journal key.
        context_tokens: Tokens that prompt and answer may have together; None where it is not known.
        counts_exactly: Whether ``count_tokens`` uses the model's own tokenizer rather than an estimate.
        offers_schema: Whether a call may ask for a JSON schema. It never changes: a schema is part of the journal's
            key, so a run that goes on must ask as it did before. An endpoint may turn out not to know schemas and
            answer freely all the same; therefore read leniently.
    """

    @property
    def model(self) -> str:
        """Engine and model."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and answer together."""
        ...

    @property
    def counts_exactly(self) -> bool:
        """Whether counts are the tokenizer's."""
        ...

    @property
    def offers_schema(self) -> bool:
        """Whether a call may ask for a JSON schema."""
        ...

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call.

        Raises:
            CallFailed: This call failed for good (after the engine's own retries).
            EngineError: No call can succeed: unreachable, wrong key, unknown model.
        """
        ...

    def count_tokens(self, messages: Messages) -> int:
        """Tokens of the messages with the chat template around them."""
        ...

    async def aclose(self) -> None:
        """Give back connections, threads and memory."""
        ...


def token_ids_of(backend: Backend) -> Callable[[str], list[int]]:
    """What turns a text into the token ids that ``Sampling.logit_bias`` needs: the engine's ``token_ids``.

    Raises:
        InputError: The engine takes no logit bias.
    """
    token_ids = getattr(backend, "token_ids", None)
    if token_ids is None:
        raise InputError(
            f"{backend.model} takes no logit bias, which the setting lexical needs; use transformers:MODEL, vllm:MODEL, "
            "llama.cpp:MODEL or openai:MODEL"
        )
    return token_ids


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


def tokens_of_bytes(n_bytes: int) -> int:
    """A cautious estimate where no tokenizer is at hand: one token for three bytes of UTF-8, so one for a Chinese character."""
    return (n_bytes + 2) // 3


def n_bytes_of(text: str) -> int:
    """Length of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def estimate_tokens(messages: Messages) -> int:
    """A cautious token count where no tokenizer is at hand: one token for three bytes of UTF-8, eight per message."""
    return sum(8 + _estimate(message.get("content")) + _estimate(message.get("tool_calls")) for message in messages)


def _estimate(content: Any) -> int:  # noqa: ANN401 - JSON
    if isinstance(content, str):
        return tokens_of_bytes(n_bytes_of(content))
    parts: list[Any] = content if isinstance(content, list) else []
    return sum(_estimate(part["text"]) if isinstance(part, dict) and "text" in part else PART_TOKENS for part in parts)


def tokens_in(usage: object, name: str) -> int:
    """A token count that an engine reports; 0 where it is missing or impossible."""
    n = usage.get(name) if isinstance(usage, Mapping) else None
    return int(n) if isinstance(n, int | float) and 0 <= n <= MAX_REPORTED_TOKENS else 0


def no_words(finish_reason: str) -> str:
    """The message for an answer without words; an engine that removes thoughts may have been cut off inside them."""
    said = f"the answer is empty (finish reason {finish_reason!r})"
    cut = "; the token limit cut it off, perhaps inside its thoughts: raise max_tokens (--max-tokens)"
    return said + cut if finish_reason == "length" else said


def response_format(schema: str) -> dict[str, Any]:
    """What asks for a JSON schema in the OpenAI chat API, which llama.cpp understands too."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": json.loads(schema)},
    }


def messages_digest(messages: Messages) -> str:
    """SHA-256 of the messages, the same in every process and on every machine."""
    canonical = json.dumps([dict(message) for message in messages], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
