"""Chats that are passed on: an engine with OpenAI's chat API gets requests unchanged, and its answers are returned so.

Only additions are made: messages in front, the salt of the prompt cache, and the count of tokens at the end of a
stream. What callers may be sent of an answer is decided in ``writing.chat_passthrough``.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeGuard

from unlike.errors import CallFailed, EngineError
from unlike.llm.backend import Backend, Messages, estimate_tokens, n_bytes_of, tokens_in, tokens_of_bytes
from unlike.llm.stop import STOP
from unlike.llm.usage import Meter, Usage, count, count_unanswered, note, usage_of_failed

Answer = dict[str, Any]
"""A chat completion, or a chunk of one, as the engine sent it."""
Chunks = AsyncGenerator[Answer, None]


@dataclass(frozen=True, slots=True)
class PassedChat:
    """A chat request.

    Attributes:
        messages: As OpenAI's API defines them: with images, tool calls and so on.
        fields: The other fields that the caller sent, without those that are the service's (model, stream, user).
        cache_salt: See ``Sampling``.
    """

    messages: Messages
    fields: Mapping[str, Any]
    cache_salt: str = ""


class ChatBackend(Protocol):
    """An engine that takes chat requests unchanged."""

    async def chat(self, chat: PassedChat) -> Answer:
        """The whole answer.

        Raises:
            Refused: The engine does not take this request.
            CallFailed: As ``Backend.complete``.
            EngineError: As ``Backend.complete``.
        """
        ...

    def chat_stream(self, chat: PassedChat) -> Chunks:
        """The answer in chunks, the last one with its tokens; a stream that has begun is not tried again."""
        ...


def passes_chats(backend: Backend) -> TypeGuard[ChatBackend]:
    """Whether an engine takes chat requests unchanged."""
    return hasattr(backend, "chat")


def usage_in(answer: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens of the prompt and of the answer, as the engine counted them; 0 where it did not."""
    usage = answer.get("usage")
    return tokens_in(usage, "prompt_tokens"), tokens_in(usage, "completion_tokens")


class PassthroughLLM:
    """An engine that chats are passed to, with its usage counted.

    Args:
        backend: The engine.
        meter: Counts the calls of this and other LLMs.
    """

    def __init__(self, backend: ChatBackend, meter: Meter | None = None) -> None:
        self._backend = backend
        self._meters = (Meter(), meter) if meter else (Meter(),)

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        return self._meters[0].usage

    async def whole(self, chat: PassedChat) -> Answer:
        """The whole answer; see ``ChatBackend.chat``."""
        await STOP.check()
        unanswered = count_unanswered()
        try:
            with self._noting_errors():
                answer = await STOP.in_flight(self._backend.chat(chat))
        except CallFailed as failure:
            count(self._meters, usage_of_failed(failure))
            raise
        except asyncio.CancelledError:
            count(self._meters, _estimated(chat, 0))  # the engine has read the prompt
            raise
        finally:
            if unanswered.n:
                count(self._meters, unanswered.usage(lambda: estimate_tokens(chat.messages)))
        count(self._meters, Usage(1, 0, 0, *usage_in(answer)))
        return answer

    async def stream(self, chat: PassedChat) -> Chunks:
        """The answer in chunks; its tokens are estimated where it is closed early or reports no usage."""
        await STOP.check()
        n_bytes, used, unanswered = 0, None, count_unanswered()
        try:
            with self._noting_errors():
                async with aclosing(self._backend.chat_stream(chat)) as chunks:
                    async for chunk in chunks:
                        n_bytes += _bytes_of(chunk)
                        if any(tokens := usage_in(chunk)):
                            used = Usage(1, 0, 0, *tokens)
                        yield chunk
        except CallFailed as failure:
            used = used or _estimated(chat, n_bytes) if n_bytes else Usage(1, 0, 0, 0, failure.tokens)
            used = replace(used, n_calls_failed=1)
            raise
        except EngineError:
            used = None if n_bytes else Usage()
            raise
        finally:
            used = _estimated(chat, n_bytes) if used is None else used
            count(self._meters, used.plus(unanswered.usage(lambda: estimate_tokens(chat.messages))))

    @contextmanager
    def _noting_errors(self) -> Generator[None]:
        try:
            yield
        except (CallFailed, EngineError) as error:
            note(self._meters, error)
            raise


def _estimated(chat: PassedChat, n_bytes: int) -> Usage:
    return Usage(1, 0, 0, estimate_tokens(chat.messages), tokens_of_bytes(n_bytes))


def _bytes_of(chunk: Answer) -> int:
    """Bytes of UTF-8 of all texts in a chunk's choices, arguments of tool calls included."""
    return sum(_bytes_in(choice.get("delta")) for choice in chunk.get("choices") or ())


def _bytes_in(part: Any) -> int:  # noqa: ANN401 - JSON
    if isinstance(part, str):
        return n_bytes_of(part)
    if isinstance(part, dict):
        return sum(_bytes_in(inner) for inner in part.values())
    return sum(_bytes_in(inner) for inner in part) if isinstance(part, list) else 0
