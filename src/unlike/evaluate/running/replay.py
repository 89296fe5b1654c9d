"""A case walked again without asking anybody, to see the exact prompts that its method sent.

The journal keeps the hash of each call and not its words, for they are the records' own. Walking the method over the same
corpus makes the same calls; a prompt is the one that was sent exactly when its hash is in the journal.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unlike.errors import CallFailed, EngineError
from unlike.llm.backend import Backend, Completion, Messages, Sampling, estimate_tokens
from unlike.llm.journal import Call, key
from unlike.llm.recorded import Answer, Usage
from unlike.methods.kit import Kit
from unlike.methods.table import open_method
from unlike.records import Case

_QUERY = "SELECT state, text, error, prompt_tokens, completion_tokens, finish_reason, wall_s FROM calls WHERE key = ?"


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that was made.

    Attributes:
        step: The method's name for it.
        messages: The prompt.
        answer: What came back, thoughts included; "" where the call failed.
        error: Why it failed.
    """

    step: str
    messages: list[Mapping[str, str]]
    answer: str
    error: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    wall_s: float


class Unasked:
    """A model that nobody may ask; it takes prompts of any length.

    Args:
        model: As the journal names it.
    """

    context_tokens = None
    counts_exactly = False
    offers_schema = False

    def __init__(self, model: str) -> None:
        self.model = model

    def count_tokens(self, messages: Messages) -> int:
        """An estimate."""
        return estimate_tokens(messages)

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Nothing.

        Raises:
            EngineError: Always.
        """
        raise EngineError(f"{self.model} is only looked at here")

    async def aclose(self) -> None:
        """Nothing is held."""


class Replayed:
    """An LLM that knows only what a journal holds, and notes what it is asked.

    Args:
        backend: Counts tokens, and says which model's calls are looked for; it is never asked.
        journal: Open to be read.

    Attributes:
        sent: The calls that were in the journal, in the order asked.
        n_unknown: Calls that were not: the corpus, the templates or the model are not those of the run.
    """

    def __init__(self, backend: Backend, journal: sqlite3.Connection) -> None:
        self.backend = backend
        self.usage = Usage()
        self.sent: list[Sent] = []
        self.n_unknown = 0
        self._journal = journal

    async def call(self, call: Call) -> Answer:
        """The answer that is in the journal.

        Raises:
            CallFailed: It is not there, or the call had failed.
        """
        name = key(call, self.backend.model)
        row: tuple[Any, ...] | None = self._journal.execute(_QUERY, (name,)).fetchone()
        if row is None:
            self.n_unknown += 1
            raise CallFailed("this call is not in the journal")
        state, text, error, *counts = row
        self.sent.append(Sent(call.step, list(call.messages), text, error, *counts))
        if state == "failed":
            raise CallFailed(error)
        return Answer(text, name, True, *counts)


async def prompts_of(case: Case, method: str, kit: Kit, journal: sqlite3.Connection) -> Replayed:
    """Walk a case again; what was asked is in the result, also where a call had failed.

    Args:
        case: Of the run.
        method: Its method.
        kit: As the run's; its LLM is not asked.
        journal: Of the run, open to be read.
    """
    llm = Replayed(kit.llm.backend, journal)
    try:
        await open_method(method)(case, replace(kit, llm=llm))
    except CallFailed:
        return llm  # a failed case ends here as it did in the run
    return llm
