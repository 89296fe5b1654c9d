"""The collaborators that a method is called with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from unlike.config import MethodSettings
from unlike.llm.recorded import LLM
from unlike.llm.soft import SoftAsk
from unlike.peers.neighbours import Neighbours
from unlike.peers.selectors import Selector
from unlike.prompts.task import Task
from unlike.records import Case, Records
from unlike.retrieve.query import Retriever
from unlike.writing.draft import Reply


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
    """A method's collaborators."""

    records: Records
    retriever: Retriever
    selector: Selector
    neighbours: Neighbours
    llm: LLM
    task: Task
    settings: MethodSettings = field(default_factory=MethodSettings)
    tenant: str = ""
    latent: Latent | None = None
    profile_of: Callable[[str], Reply | None] | None = None
    """Stored profiles by user id; None where there is no store, and a method builds profiles itself."""
