"""What is handed to a method, and what it hands back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from unlike.config import MethodSettings
from unlike.llm.backend import Backend
from unlike.llm.journal import Call
from unlike.llm.recorded import Answer, Usage
from unlike.peers.neighbours import Neighbours
from unlike.peers.selector import Selector
from unlike.prompts.task import Task
from unlike.records import Records
from unlike.retrieve.query import Retriever


class LLM(Protocol):
    """An LLM behind the journal, or a forecast of one."""

    @property
    def backend(self) -> Backend:
        """The engine: its context size and its way to count tokens."""
        ...

    @property
    def usage(self) -> Usage:
        """What was asked so far."""
        ...

    async def call(self, call: Call) -> Answer:
        """Answer a call, from the journal where it is known.

        Raises:
            CallFailed: This call failed.
            EngineError: No call can succeed.
        """
        ...


@dataclass(frozen=True)
class Kit:
    """A method's collaborators. None of them is picked here."""

    records: Records
    retriever: Retriever
    selector: Selector
    neighbours: Neighbours
    llm: LLM
    task: Task
    settings: MethodSettings = field(default_factory=MethodSettings)
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A text and how it came about.

    Attributes:
        text: What the user would write, according to the method.
        trace: Ids of all records used, differences, profile, calls and what was left out of prompts; JSON-able.
    """

    text: str
    trace: Mapping[str, Any]
