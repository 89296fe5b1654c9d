"""How many calls and tokens a run would take, found by running the same code with an LLM that asks no engine.

Placeholders differ as real answers do: two prompts that hold different answers must not become one call.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from unlike.llm.backend import PLACEHOLDER, Backend, Completion, Messages, Sampling
from unlike.llm.journal import Call, Journal, key
from unlike.llm.recorded import Answer, n_prompt_tokens
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.usage import CACHED, Meter, Usage, count

ASSUMED_COMPLETION_TOKENS = 300
"""About 220 words: the length of a longer review. An assumption, used only for steps of which nothing is known."""
DISTINCT_WORDS = 12
_WORDS = "of to in is it by he as on at or an we be up so no my me go do if us am"
"""One token each by a tokenizer, and three characters with their blank, which is one token by the estimate."""


class ForecastLLM:
    """An LLM whose answers are placeholders of an assumed length.

    What the journal already holds is answered from there, so the forecast of a run that was begun is that of its rest.

    Args:
        backend: Only counts tokens.
        journal: Of an earlier start, where there is one; only read.
        completion_tokens: Assumed length of an answer by step; a call's ``max_tokens`` still limits it.
        otherwise: Assumed length for other steps.

    Attributes:
        lengths: The assumed length of an answer, the longest where calls have different limits, by the steps asked so far.
    """

    def __init__(
        self,
        backend: Backend,
        journal: Journal | None = None,
        completion_tokens: Mapping[str, int] | None = None,
        otherwise: int = ASSUMED_COMPLETION_TOKENS,
    ) -> None:
        self.backend = backend
        self.meter = Meter()
        self._journal = journal
        self.lengths = dict[str, int]()
        self._assumed, self._otherwise = completion_tokens or {}, otherwise
        self._seen: set[str] = set()

    @property
    def usage(self) -> Usage:
        """What would be used."""
        return self.meter.usage

    def part(self, on_call: Callable[[Call], None] | None = None) -> "ForecastLLM":
        """Itself: a forecast is of all runs together."""
        return self

    async def call(self, call: Call) -> Answer:
        """Answer with what the journal holds, else with a placeholder that is counted as a call."""
        name = key(call, self.backend.model)
        entry = self._journal.get(name) if self._journal else None
        if entry is not None and entry.state == "done":
            answer = Answer.of(entry, name, cached=True)
        else:
            answer = self._placeholder(name, call, name in self._seen)
        self._seen.add(name)
        used = CACHED if answer.cached else Usage(1, 0, 0, answer.prompt_tokens, answer.completion_tokens)
        count([self.meter], used)
        return answer

    def _placeholder(self, name: str, call: Call, cached: bool) -> Answer:
        n_tokens = min(self._assumed.get(call.step, self._otherwise), call.sampling.max_tokens)
        self.lengths[call.step] = max(n_tokens, self.lengths.get(call.step, 0))
        n_prompt = n_prompt_tokens(call, self.backend)
        return Answer(distinct_text(name, n_tokens), name, cached, n_prompt, n_tokens, PLACEHOLDER, 0.0)


class PlaceholderBackend(ScriptedBackend):
    """A script of placeholders of an assumed length, which counts tokens as another engine does and remembers no prompts.

    Args:
        backend: Only counts tokens.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(
            lambda messages, sampling: distinct_text(
                repr(messages), min(ASSUMED_COMPLETION_TOKENS, sampling.max_tokens)
            ),
            context_tokens=backend.context_tokens,
            offers_schema=backend.offers_schema,
        )
        self.model, self.counts_exactly, self._backend = backend.model, backend.counts_exactly, backend

    def _note(self, messages: Messages, sampling: Sampling) -> None:
        """A forecast of many users would fill the memory."""

    def _completion(self, messages: Messages, text: str, started: float) -> Completion:
        return replace(super()._completion(messages, text, started), finish_reason=PLACEHOLDER)

    def count_tokens(self, messages: Messages) -> int:
        """Tokens of the messages."""
        return self._backend.count_tokens(messages)

    async def aclose(self) -> None:
        """Close the engine."""
        await self._backend.aclose()


def distinct_text(prompt: str, n_tokens: int) -> str:
    """A placeholder of some length, whose first words depend on what it answers."""
    number, words, allowed = int(hashlib.sha256(prompt.encode()).hexdigest(), 16), list[str](), _WORDS.split()
    for _ in range(min(DISTINCT_WORDS, n_tokens)):
        number, place = divmod(number, len(allowed))
        words.append(allowed[place])
    return " ".join(words + ["of"] * (n_tokens - len(words)))
