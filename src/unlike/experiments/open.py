"""An experiment file with its corpus and encoder opened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.evaluate.running.plan import Plan, at_time
from unlike.evaluate.running.planned import given_adapters
from unlike.evaluate.running.read_plan import read_plan
from unlike.evaluate.running.run_method import JOURNAL
from unlike.experiments.unread_templates import unread_of_plan
from unlike.experiments.watch import SILENT_WATCH, Watch
from unlike.records import TimeRule
from unlike.settings import MethodSettings, vector_file

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.evaluate.running.plan import Engine
    from unlike.evaluate.running.run_plan import KitOf
    from unlike.llm.backend import Backend
    from unlike.prompts.task import Task


@dataclass(frozen=True)
class Experiment:
    """An opened experiment.

    Attributes:
        plan: What is compared.
        corpus: The plan's corpus.
        encoder: The plan's encoder, with its cache of vectors.
        folder: Folder of runs, adapters, journal and report.
        backend: The plan's LLM, where it was given open.
    """

    plan: Plan
    corpus: "Corpus"
    encoder: "Encoder"
    folder: Path
    backend: "Backend | None" = None

    def kits(
        self,
        engine: "Engine",
        journal: Path | None,
        asks: bool = True,
        adapter_folder: Callable[[MethodSettings], Path] | None = None,
    ) -> "KitOf":
        """A function from settings to a kit; all its kits share one LLM and one journal.

        Args:
            engine: The LLM.
            journal: None for a temporary one.
            asks: Whether the LLM will be called; else it only counts tokens.
            adapter_folder: Returns the folder of the adapter of some settings; None for the experiment's own.

        Raises:
            InputError: The LLM or one of its options is not usable.
            MissingPart: The engine is not installed.
        """
        from unlike.api import kits
        from unlike.llm.journal import Journal
        from unlike.llm.open import open_counter, open_patient
        from unlike.llm.recorded import RecordedLLM

        options = {} if engine.context_tokens is None else {"context_tokens": engine.context_tokens}
        given = self.backend if engine is self.plan.llm else None
        backend = given or (open_patient if asks else open_counter)(engine.uri, **options)
        llm = RecordedLLM(backend, Journal.open(journal, self.plan.keep_prompts), engine.concurrency)
        return kits(self.corpus, llm, self.encoder, self.task, adapter_folder or self.adapter_folder)

    @cached_property
    def task(self) -> "Task":
        """The plan's task, with its own templates."""
        from unlike.prompts.task import open_task

        return open_task(self.plan.task, self.plan.prompts)

    def adapter_folder(self, settings: MethodSettings) -> Path:
        """Folder of the adapter of some settings: one that the experiment trains per seed, or a given folder."""
        if settings.adapter in {entry.name for entry in self.plan.adapters}:
            return self.adapters_at / f"{settings.adapter}-s{settings.seed}"
        return Path(settings.adapter)

    @property
    def journal_file(self) -> Path:
        """The file that keeps the calls."""
        return self.plan.journal or self.folder / JOURNAL

    @property
    def adapters_at(self) -> Path:
        """Folder of the adapters that the plan trains."""
        return self.plan.adapters_at or self.folder / "adapters"

    @cached_property
    def training_corpora(self) -> "Sequence[Corpus]":
        """What the adapters are trained on."""
        from unlike.data.corpus import Corpus

        return [Corpus.open(folder) for folder in self.plan.train_on] or [self.corpus]


def open_experiment(
    file: Path | str,
    out: Path | str | None = None,
    *,
    corpus: Path | str | None = None,
    llm: "str | Backend | None" = None,
    embedder: str | None = None,
    limit: int | None = None,
    time: TimeRule | None = None,
    judges: Sequence[str] | None = None,
    train_on: Sequence[Path | str] = (),
    adapters_at: Path | str | None = None,
    journal: Path | str | None = None,
    watch: Watch = SILENT_WATCH,
) -> Experiment:
    """Read an experiment file and open its corpus and encoder; see ``experiment``."""
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder

    path = Path(file)
    named = {"corpus": corpus, "embedder": embedder, "limit": limit, "judges": judges}
    shared = {"train_on": tuple(train_on) or None, "adapters_at": adapters_at, "journal": journal}
    uri, backend = (llm, None) if llm is None or isinstance(llm, str) else (llm.model, llm)
    plan = read_plan(path, named | shared, uri, runs=True, opened=backend is not None)
    plan = at_time(plan, time) if time else plan
    assert plan.corpus is not None
    watch.unread_templates(plan.prompts, unread_of_plan(plan))
    encoder, opened = open_encoder(plan.embedder, vector_file(), watch.encoding), Corpus.open(plan.corpus)
    watch.cut_texts(encoder, opened.texts())
    watch.first_cases(opened, plan.split, plan.limit)
    found = Experiment(plan, opened, encoder, Path(out or path.stem), backend)
    watch.other_prompts(given_adapters(plan), found.task)
    return found
