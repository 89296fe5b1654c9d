"""Answers that come piece by piece, to be shown while they are written.

The invariant: the pieces joined are the text of the Completion that ends them, which is what ``complete`` gives for the
same call. The first piece has a word in it, so an answer of nothing but blanks fails before anything was shown.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol, TypeGuard

from unlike.errors import EmptyAnswer
from unlike.llm.backend import Backend, Completion, Messages, Sampling, no_words, tokens_in

Pieces = AsyncGenerator[str | Completion, None]
"""Pieces of text as they are written, then exactly one Completion.

Whoever leaves early closes it (``contextlib.aclosing``): that stops the engine's work.
"""


class Streams(Protocol):
    """An engine that also gives its answer piece by piece."""

    def stream(self, messages: Messages, sampling: Sampling) -> Pieces:
        """Answer one call piece by piece; an answer that has begun is not asked for again.

        Raises:
            CallFailed: As ``Backend.complete``; where the answer broke off, ``raw`` is the text that had come.
            EngineError: As ``Backend.complete``.
        """
        ...


def takes_streaming(backend: Backend) -> TypeGuard[Streams]:
    """Whether an engine gives its answer piece by piece."""
    return hasattr(backend, "stream")


def streamed(backend: Backend, messages: Messages, sampling: Sampling) -> Pieces:
    """The answer of any engine in pieces: one piece where the engine gives it only whole.

    Args:
        backend: Asked when the first piece is.
        messages: The prompt.
        sampling: As for ``complete``.

    Returns:
        The pieces; raises as ``Streams.stream``.
    """
    return backend.stream(messages, sampling) if takes_streaming(backend) else _at_once(backend, messages, sampling)


async def whole(pieces: Pieces) -> Completion:
    """Read to the end, and give the Completion that is there; raises what the pieces raise."""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Completion):
                return piece
    raise AssertionError("pieces end with a Completion")


class GrowingAnswer:
    """What the chunks of a chat stream add up to.

    Args:
        model: Named where the answer is empty.

    Attributes:
        text: The pieces so far, joined.
        finish_reason: "" until the engine says why it stopped.
    """

    def __init__(self, model: str) -> None:
        self.text = ""
        self.finish_reason = ""
        self._model = model
        self._blanks = ""
        self._usage: object = None

    def take(self, chunk: Mapping[str, Any]) -> str:
        """The piece that a chunk adds, "" for none; blanks before the first word wait for it.

        Raises:
            LookupError, TypeError, AttributeError: This is no chunk of a chat stream.
        """
        piece = self._blanks
        for choice in chunk.get("choices") or ():
            piece += (choice.get("delta") or {}).get("content") or ""
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
        self._usage = chunk.get("usage") or self._usage
        # Half a surrogate pair is valid JSON and cannot be stored.
        piece = piece.encode("utf-8", "replace").decode()
        self._blanks = "" if self.text or piece.strip() else piece
        if self._blanks:
            return ""
        self.text += piece
        return piece

    def completion(self, wall_s: float) -> Completion:
        """All of it.

        Raises:
            EmptyAnswer: There is no word in it.
        """
        reason = self.finish_reason or "stop"
        prompt_tokens, completion_tokens = (
            tokens_in(self._usage, name) for name in ("prompt_tokens", "completion_tokens")
        )
        if not self.text:
            raise EmptyAnswer(f"{self._model}: {no_words(reason)}", tokens=prompt_tokens + completion_tokens)
        return Completion(self.text, prompt_tokens, completion_tokens, reason, wall_s)


async def _at_once(backend: Backend, messages: Messages, sampling: Sampling) -> Pieces:
    completion = await backend.complete(messages, sampling)
    if completion.text:
        yield completion.text
    yield completion
