"""What is handed to a method, and what it hands back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from unlike.config import MethodSettings
from unlike.llm.recorded import LLM
from unlike.llm.soft import SoftAsk
from unlike.peers.neighbours import Neighbours
from unlike.peers.selector import Selector
from unlike.prompts.task import Task
from unlike.records import Case, Records
from unlike.retrieve.query import Retriever


class Latent(Protocol):
    """An adapter at work: it makes soft prompts of cases.

    Attributes:
        kind: What was trained: "dep", "pplug" or "prompt_tuning".
    """

    @property
    def kind(self) -> str:
        """What was trained."""
        ...

    def prompt(self, case: Case, vectors_of: Case | None = None) -> SoftAsk:
        """The soft prompt of a case, with the own vectors or, as a control, with those of another user's case."""
        ...

    def stranger(self, case: Case) -> Case:
        """The same moment for another user, always the same one for a case."""
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
    latent: Latent | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A text and how it came about.

    Attributes:
        text: What the user would write, according to the method.
        trace: Ids of all records used, differences, profile, calls and what was left out of prompts; JSON-able.
    """

    text: str
    trace: Mapping[str, Any]
