"""Chats that are passed on: to engines that speak OpenAI's chat API go requests as they came, and so come the answers.

What is ours is only added: messages in front, the salt of the prompt cache, and the count of tokens at the end of a
stream.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeGuard

from unlike.errors import CallFailed, EngineError
from unlike.llm.backend import Backend, Messages, estimate_tokens, tokens_in
from unlike.llm.stop import STOP
from unlike.llm.usage import Meter, Usage

Answer = dict[str, Any]
"""A chat completion, or a chunk of one, as the engine sent it."""
Chunks = AsyncGenerator[Answer, None]


@dataclass(frozen=True, slots=True)
class PassedChat:
    """A chat request.

    Attributes:
        messages: As OpenAI's API has them: with images, calls of tools and so on.
        fields: The other fields that the caller sent, without those that are the service's (model, stream, user).
        cache_salt: See ``Sampling``.
    """

    messages: Messages
    fields: Mapping[str, Any]
    cache_salt: str = ""


class PassesChats(Protocol):
    """An engine that takes chat requests as they came."""

    async def chat(self, chat: PassedChat) -> Answer:
        """The whole answer.

        Raises:
            Refused: The engine does not take this request.
            CallFailed: As ``Backend.complete``.
            EngineError: As ``Backend.complete``.
        """
        ...

    def chat_stream(self, chat: PassedChat) -> Chunks:
        """The answer in chunks, the last one with its tokens; an answer that has begun is not asked for again."""
        ...


def passes_chats(backend: Backend) -> TypeGuard[PassesChats]:
    """Whether an engine takes chat requests as they came."""
    return hasattr(backend, "chat")


def usage_in(answer: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens of the prompt and of the answer, as the engine counted them; 0 where it did not."""
    usage = answer.get("usage")
    return tokens_in(usage, "prompt_tokens"), tokens_in(usage, "completion_tokens")


class PassingLLM:
    """An engine that chats are passed to, with its usage counted.

    Args:
        backend: The engine.
        meter: Counts what this and other LLMs are asked.
    """

    def __init__(self, backend: PassesChats, meter: Meter | None = None) -> None:
        self._backend = backend
        self._meters = (Meter(), meter) if meter else (Meter(),)

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        return self._meters[0].usage

    async def whole(self, chat: PassedChat) -> Answer:
        """The whole answer; see ``PassesChats.chat``."""
        await STOP.check()
        try:
            with self._noting_errors():
                answer = await STOP.in_flight(self._backend.chat(chat))
        except CallFailed as failure:
            self._count(Usage(1, 0, 1, 0, failure.tokens))
            raise
        except asyncio.CancelledError:
            self._count(_estimated(chat, 0))  # the engine has read the prompt
            raise
        self._count(Usage(1, 0, 0, *usage_in(answer)))
        return answer

    async def stream(self, chat: PassedChat) -> Chunks:
        """The answer in chunks; of one that is closed early, or has no usage, the tokens are estimated."""
        await STOP.check()
        n_chars, used = 0, None
        try:
            with self._noting_errors():
                async with aclosing(self._backend.chat_stream(chat)) as chunks:
                    async for chunk in chunks:
                        n_chars += _n_chars(chunk)
                        if any(tokens := usage_in(chunk)):
                            used = Usage(1, 0, 0, *tokens)
                        yield chunk
        except CallFailed as failure:
            used = used or _estimated(chat, n_chars) if n_chars else Usage(1, 0, 0, 0, failure.tokens)
            used = replace(used, n_calls_failed=1)
            raise
        except EngineError:
            used = None if n_chars else Usage()
            raise
        finally:
            self._count(_estimated(chat, n_chars) if used is None else used)

    def _count(self, used: Usage) -> None:
        for meter in self._meters:
            meter.usage = meter.usage.plus(used)

    @contextmanager
    def _noting_errors(self) -> Generator[None]:
        try:
            yield
        except CallFailed as failure:
            for meter in self._meters:
                meter.failed = str(failure)
            raise
        except EngineError as error:
            for meter in self._meters:
                meter.unusable = error
            raise


def _estimated(chat: PassedChat, n_chars: int) -> Usage:
    return Usage(1, 0, 0, estimate_tokens(chat.messages), (n_chars + 2) // 3)


def _n_chars(chunk: Answer) -> int:
    """Characters of the text in a chunk's choices, tools' arguments included."""
    return sum(_n_chars_in(choice.get("delta")) for choice in chunk.get("choices") or ())


def _n_chars_in(part: Any) -> int:  # noqa: ANN401 - JSON
    if isinstance(part, str):
        return len(part)
    if isinstance(part, dict):
        return sum(_n_chars_in(inner) for inner in part.values())
    return sum(_n_chars_in(inner) for inner in part) if isinstance(part, list) else 0
