"""An LLM whose answers are written beforehand: no model, no network, the same text every time.

It ships because tests and demonstrations of a run need an engine that is fast, free and can fail on request.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

from unlike.llm.backend import (
    Completion,
    Messages,
    Sampling,
    estimate_tokens,
    messages_digest,
    n_bytes_of,
    tokens_of_bytes,
)
from unlike.llm.stream import Pieces

Answer = Callable[[Messages, Sampling], str]
"""What to answer; it may raise CallFailed or EngineError instead."""

ECHO_WORDS = 60
WORD = re.compile(r"\s*\S+|\s+")
"""Words with the blanks before them; joined they are the text."""


class ScriptedBackend:
    """A backend that answers from a function.

    Args:
        answer: Gives the text for messages and sampling.
        name: Part of every journal key; two scripts that answer differently need two names.
        latency_s: How long an answer takes.
        context_tokens: What to claim as the model's context.
        offers_schema: Whether to claim that answers follow a schema; whether they do is up to the script.

    Attributes:
        calls: What was asked, in order.
        unmatched: Returns what the rules of its file look for that no message matched.
    """

    counts_exactly = False

    def __init__(
        self,
        answer: Answer,
        *,
        name: str = "function",
        latency_s: float = 0.0,
        context_tokens: int | None = None,
        offers_schema: bool = False,
    ) -> None:
        self.model = f"scripted:{name}"
        self.context_tokens = context_tokens
        self.offers_schema = offers_schema
        self.calls: list[tuple[Messages, Sampling]] = []
        self.unmatched: Callable[[], list[str]] = list
        self._answer = answer
        self._latency_s = latency_s

    @classmethod
    def from_file(cls, path: Path | str) -> "ScriptedBackend":
        """Answers from a TOML or JSON file of rules; see ``unlike.llm.scripted_file``.

        Raises:
            InputError: The file is missing or not such a file.
        """
        from unlike.llm.scripted_file import Script

        script = Script.load(Path(path))
        opened = cls(script.answer, name=script.name, latency_s=script.latency_s, context_tokens=script.context_tokens)
        opened.unmatched = script.unmatched
        return opened

    @classmethod
    def echo(cls) -> "ScriptedBackend":
        """Answers with words of the prompt, so that different cases get different texts and scores."""
        return cls(echo_words, name="echo")

    @property
    def n_calls(self) -> int:
        """How often it was asked."""
        return len(self.calls)

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call; see ``Backend.complete``."""
        started = time.monotonic()
        self._note(messages, sampling)
        await asyncio.sleep(self._latency_s)
        return self._completion(messages, self._answer(messages, sampling), started)

    async def stream(self, messages: Messages, sampling: Sampling) -> Pieces:
        """Answer one call word by word, in as much time as a whole answer takes; see ``Streams``."""
        started = time.monotonic()
        self._note(messages, sampling)
        text = self._answer(messages, sampling)
        words: list[str] = WORD.findall(text)
        for word in words:
            await asyncio.sleep(self._latency_s / len(words))
            yield word
        yield self._completion(messages, text, started)

    def count_tokens(self, messages: Messages) -> int:
        """The stated estimate: a script has no tokenizer."""
        return estimate_tokens(messages)

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _note(self, messages: Messages, sampling: Sampling) -> None:
        self.calls.append((messages, sampling))

    def _completion(self, messages: Messages, text: str, started: float) -> Completion:
        return Completion(
            text=text,
            prompt_tokens=self.count_tokens(messages),
            completion_tokens=tokens_of_bytes(n_bytes_of(text)),
            wall_s=time.monotonic() - started,
        )


def echo_words(messages: Messages, sampling: Sampling) -> str:
    """Words of the last message, at most half of them, in their order.

    They are drawn by a stable hash of all messages, and of the seed unless the temperature is 0.
    """
    words = messages[-1]["content"].split() if messages else []
    n_words = min((len(words) + 1) // 2, ECHO_WORDS, sampling.max_tokens)
    seed = sampling.seed if sampling.temperature > 0 else 0
    draw = random.Random(f"{messages_digest(messages)}:{seed}")
    kept = sorted(draw.sample(range(len(words)), n_words))
    return " ".join(words[place] for place in kept) or "nothing"
