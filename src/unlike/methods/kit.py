"""What is handed to a method, and what it hands back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unlike.config import MethodSettings
from unlike.llm.recorded import LLM
from unlike.peers.neighbours import Neighbours
from unlike.peers.selector import Selector
from unlike.prompts.task import Task
from unlike.records import Records
from unlike.retrieve.query import Retriever


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
