"""An LLM with a count of its own, for runs that share one engine and one journal side by side."""

from dataclasses import replace

from unlike.errors import CallFailed
from unlike.llm.backend import Backend
from unlike.llm.journal import Call
from unlike.llm.recorded import LLM, Answer, Usage


class Metered:
    """The LLM it is given; ``usage`` counts only what came through here.

    A call that another run had asked for already counts as cached here, whoever came first.
    """

    def __init__(self, llm: LLM) -> None:
        self.usage = Usage()
        self._llm = llm

    @property
    def backend(self) -> Backend:
        """The engine behind it."""
        return self._llm.backend

    async def call(self, call: Call) -> Answer:
        """Answer a call and count it; see ``RecordedLLM.call``."""
        try:
            answer = await self._llm.call(call)
        except CallFailed:
            self.usage = replace(
                self.usage, n_calls=self.usage.n_calls + 1, n_calls_failed=self.usage.n_calls_failed + 1
            )
            raise
        self.usage = self.usage.plus(answer)
        return answer
