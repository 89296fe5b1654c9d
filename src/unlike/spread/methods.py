"""Runs methods in worker processes: each opens its own kit from data that is sent to it."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.evaluate.running.run_method import Job, generation, run_jobs
from unlike.llm.usage import Usage
from unlike.methods.kit import Kit
from unlike.records import Case, Generation
from unlike.settings import MethodSettings, vector_file
from unlike.spread.journal_owner import RemoteJournal
from unlike.spread.work_units import Place
from unlike.sync import wait_for

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.prompts.task import Task


@dataclass(frozen=True, slots=True)
class SpreadJob:
    """A method over cases, in a form that can be sent to a worker.

    Attributes:
        name: Of the method.
        settings: Of the method.
        cases: The cases.
        adapter: Folder of the settings' adapter, on every machine; empty where there is none.
        writes: Whether texts are written; see ``Job.writes``.
    """

    name: str
    settings: MethodSettings
    cases: Sequence[Case]
    adapter: str = ""
    writes: bool = True


@dataclass(frozen=True, slots=True)
class Supplies:
    """Data from which a worker opens its kit. It is sent by value, so machines need no shared disk.

    Attributes:
        corpus: Records, items and cases.
        llm: URI, as in ``open_llm``.
        embedder: Name, as in ``open_encoder``; each machine has a vector cache of its own.
        concurrency: Maximum number of LLM calls at the same time per worker.
        context_tokens: Maximum context of the model; None for its own.
        task: Name of the built-in task.
        templates: Files that override the task's own, by name.
    """

    corpus: "Corpus"
    llm: str
    embedder: str = "minilm"
    concurrency: int = 16
    context_tokens: int | None = None
    task: str = "review"
    templates: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class UnitDone:
    """The result of a unit of work.

    Attributes:
        rows: The row of each place.
        usage: Calls and tokens of each job.
    """

    rows: Mapping[Place, Generation]
    usage: Mapping[int, Usage]


class MethodWork:
    """Runs the units of jobs in a worker.

    Args:
        supplies: Data from which the kits are opened.
        jobs: The jobs that units take rows from.
        owners: Of the journal.
    """

    def __init__(self, supplies: Supplies, jobs: Sequence[SpreadJob], owners: Sequence[Any]) -> None:
        self._supplies, self._jobs, self._owners = supplies, jobs, owners
        self._kits: list[Kit] = []

    def open(self) -> None:
        """Open a kit for each job, on the loop that then runs all units."""
        self._kits = wait_for(_open_kits(self._supplies, self._jobs, RemoteJournal(self._owners)))

    def do(self, unit: Sequence[Place]) -> UnitDone:
        """The rows of a unit."""
        return wait_for(self._rows(unit))

    async def _rows(self, unit: Sequence[Place]) -> UnitDone:
        places: dict[int, list[int]] = {}
        for number, place in unit:
            places.setdefault(number, []).append(place)
        jobs = [self._job(number, own) for number, own in places.items()]
        n_cases = len({case.id for job in jobs for case in job.cases})
        rows_of = await run_jobs(jobs, generation, window=n_cases)
        rows = {
            (number, place): row
            for (number, own), rows in zip(places.items(), rows_of, strict=True)
            for place, row in zip(own, rows, strict=True)
        }
        return UnitDone(rows, {number: job.kit.llm.usage for number, job in zip(places, jobs, strict=True)})

    def _job(self, number: int, places: Sequence[int]) -> Job:
        from unlike.methods.table import open_method

        job, kit = self._jobs[number], self._kits[number]
        cases = [job.cases[place] for place in places]
        return Job(job.name, open_method(job.name), cases, replace(kit, llm=kit.llm.part()), job.writes)


async def _open_kits(supplies: Supplies, jobs: Sequence[SpreadJob], journal: RemoteJournal) -> list[Kit]:
    from unlike.api import kits
    from unlike.embed.open import open_encoder
    from unlike.llm.open import open_llm
    from unlike.llm.recorded import RecordedLLM

    options = {} if supplies.context_tokens is None else {"context_tokens": supplies.context_tokens}
    llm = RecordedLLM(open_llm(supplies.llm, **options), journal, supplies.concurrency)
    encoder = open_encoder(supplies.embedder, vector_file())
    folders = {job.settings: Path(job.adapter) for job in jobs}
    kit_of = kits(supplies.corpus, llm, encoder, _open_task(supplies), folders.__getitem__)
    return [kit_of(job.settings) for job in jobs]


def _open_task(supplies: Supplies) -> "Task":
    from unlike.prompts.task import open_task

    if not supplies.templates:
        return open_task(supplies.task)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in supplies.templates.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return open_task(supplies.task, Path(folder))
