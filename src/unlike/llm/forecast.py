"""What a run would ask and cost, found by running the same code with an LLM that asks no engine."""

from collections.abc import Callable

from unlike.llm.backend import Backend
from unlike.llm.journal import Call, Journal, key
from unlike.llm.recorded import CACHED, Answer, Usage, n_prompt_tokens

ASSUMED_COMPLETION_TOKENS = 300
"""About 220 words: the length of a longer review. An assumption, not a measurement; state it beside every forecast."""


class ForecastLLM:
    """An LLM whose answers are placeholders of an assumed length.

    What the journal already holds is answered from there, so that the forecast of a run begun is that of its rest.

    Args:
        backend: Only counts tokens.
        journal: Of an earlier start, where there is one; only read.
        completion_tokens: Assumed length of every answer; a call's ``max_tokens`` still limits it.
    """

    def __init__(
        self, backend: Backend, journal: Journal | None = None, completion_tokens: int = ASSUMED_COMPLETION_TOKENS
    ) -> None:
        self.backend = backend
        self.usage = Usage()
        self._journal = journal
        self._completion_tokens = completion_tokens
        self._seen: set[str] = set()

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
        self.usage = self.usage.plus(used)
        return answer

    def _placeholder(self, name: str, call: Call, cached: bool) -> Answer:
        n_tokens = min(self._completion_tokens, call.sampling.max_tokens)
        # One token each: by a tokenizer a short word, by the estimate three characters.
        text = ("the " if self.backend.counts_exactly else "of ") * n_tokens
        return Answer(text.strip(), name, cached, n_prompt_tokens(call, self.backend), n_tokens, "stop", 0.0)
