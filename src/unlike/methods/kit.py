"""The collaborators that a method is called with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from unlike.llm.recorded import LLM
from unlike.llm.soft_prompt import SoftAsk
from unlike.peers.neighbours import MeanNeighbours
from unlike.peers.selectors import Selector
from unlike.prompts.prompt import Passage
from unlike.prompts.task import Task
from unlike.records import Case, Record, Records
from unlike.retrieve.query import Retriever
from unlike.settings import MethodSettings
from unlike.writing.draft import Reply


class Latent(Protocol):
    """Makes soft prompts of cases with a trained adapter."""

    @property
    def kind(self) -> str:
        """What was trained: "dep", "pplug" or "prompt_tuning"."""
        ...

    def prompt(
        self,
        case: Case,
        vectors_of: Case | None = None,
        past: Sequence[Record] | None = None,
        profile: Passage | None = None,
    ) -> SoftAsk:
        """The soft prompt of a case; see ``unlike.latent.adapter.Prompter.prompt``."""
        ...


@dataclass(frozen=True)
class Kit:
    """A method's collaborators."""

    records: Records
    retriever: Retriever
    selector: Selector
    neighbours: MeanNeighbours
    llm: LLM
    task: Task
    settings: MethodSettings = field(default_factory=MethodSettings)
    tenant: str = ""
    latent: Latent | None = None
    profile_of: Callable[[str], Reply | None] | None = None
    """Stored profiles by user id; None where there is no store, and a method builds profiles itself."""
