"""One method over the cases of a corpus, written to a run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.api import open_kit
from unlike.data.corpus import Corpus
from unlike.embed.open import LazyEncoder, check_name, open_encoder
from unlike.evaluate.running.progress import with_progress_file
from unlike.evaluate.running.run_method import JOURNAL, Job, Progress, arun, generation, pick_cases, run_jobs
from unlike.experiments.calls_left import calls_left
from unlike.experiments.folder import refuse_input, refuse_other_run
from unlike.experiments.unread_templates import unread_templates
from unlike.experiments.watch import SILENT_WATCH, Watch
from unlike.llm.open import check_llm, model_of
from unlike.llm.soft_prompt import SOFT_STEPS
from unlike.methods.table import ADAPTED, open_method, uses_encoder
from unlike.prompts.task import open_task, templates_of
from unlike.settings import MethodSettings, as_path, settings_of, vector_file
from unlike.sync import wait_for

if TYPE_CHECKING:
    from unlike.embed.encoder import Encoder
    from unlike.llm.backend import Backend
    from unlike.methods.kit import Kit
    from unlike.records import Case, Generation


@dataclass(frozen=True)
class RunRequest:
    """A method over the cases of a corpus; see ``run`` for the fields."""

    corpus: Corpus
    method: str
    llm: "str | Backend"
    out: Path
    embedder: "str | Encoder" = "minilm"
    settings: MethodSettings = MethodSettings()
    split: str = "test"
    limit: int | None = None
    task: str = "review"
    prompts: Path | None = None
    concurrency: int = 16
    journal: Path | None = None
    keep_prompts: bool = True

    @property
    def llm_name(self) -> str:
        """URI of the LLM, or the name of an open one."""
        return self.llm if isinstance(self.llm, str) else self.llm.model

    @property
    def embedder_name(self) -> str:
        """Name of the encoder."""
        return self.embedder if isinstance(self.embedder, str) else self.embedder.name

    @property
    def journal_file(self) -> Path:
        """The file that keeps the calls."""
        return self.journal or self.out / JOURNAL

    def open_kit(self, llm: "str | Backend", journal: Path | None, watch: Watch) -> "Kit":
        """The method's collaborators; without a journal, calls are kept for this process only."""
        encoder = self.embedder
        if isinstance(encoder, str):
            opening = partial(open_encoder, encoder, vector_file(), watch.encoding)
            encoder = opening() if uses_encoder(self.method, self.settings) else LazyEncoder(opening)
        if not isinstance(encoder, LazyEncoder):
            watch.cut_texts(encoder, self.corpus.texts())
        watch.first_cases(self.corpus, self.split, self.limit)
        soft = SOFT_STEPS.values() if self.method in ADAPTED else ()
        watch.unread_templates(self.prompts, unread_templates(self.prompts, [(self.method, self.settings)], soft))
        task = open_task(self.task, self.prompts)
        if self.method in ADAPTED and self.settings.adapter:
            watch.other_prompts([Path(self.settings.adapter)], task)
        return open_kit(
            self.corpus,
            llm,
            encoder,
            self.settings,
            journal=journal,
            task=task,
            concurrency=self.concurrency,
            keep_prompts=self.keep_prompts,
        )


def run(
    corpus: Corpus | Path | str,
    method: str,
    llm: "str | Backend",
    out: Path | str,
    *,
    embedder: "str | Encoder" = "minilm",
    settings: MethodSettings | Mapping[str, Any] | None = None,
    split: str = "test",
    limit: int | None = None,
    task: str = "review",
    prompts: Path | str | None = None,
    concurrency: int = 16,
    journal: Path | str | None = None,
    keep_prompts: bool = True,
    engine: str = "local",
    facts: dict[str, Any] | None = None,
    watch: Watch = SILENT_WATCH,
) -> "list[Generation]":
    """Generate a text for every case of a split with one method; the same call again resumes.

    Args:
        corpus: The corpus that gives the cases, or its folder.
        method: A key of ``METHODS``.
        llm: URI as in ``open_llm``, or an open backend.
        out: The run folder.
        embedder: Name as in ``open_encoder``, or an open encoder.
        settings: Settings, or some by name; the others are the papers'.
        split: "test", "validation" or "train".
        limit: Run only the first N cases.
        task: Name of the task, as in ``open_task``.
        prompts: Folder whose templates override the task's own.
        concurrency: Maximum number of LLM calls at the same time.
        journal: File that keeps the calls; None for one in the run folder.
        keep_prompts: Whether the journal keeps prompts beside their answers.
        engine: "local", or where Ray does the work: "ray", "ray:WORKERS", "ray://HOST:PORT".
        facts: Entries to add to run.json.
        watch: Shows progress.

    Returns:
        The rows, in the order of the cases.

    Raises:
        EngineError: The LLM cannot be used; what was answered is kept.
        InputError: A name or setting is not allowed, or the folder holds another run.
        MissingPart: A package is not installed.
        Stopped: The user stopped it; what was answered is kept.
    """
    opened = Corpus.open(corpus) if isinstance(corpus, str | Path) else corpus
    chosen = settings_of(settings)
    kept = (as_path(prompts), concurrency, as_path(journal), keep_prompts)
    request = RunRequest(opened, method, llm, Path(out), embedder, chosen, split, limit, task, *kept)
    return run_request(request, engine, facts, watch)


def run_request(
    request: RunRequest, engine: str = "local", facts: dict[str, Any] | None = None, watch: Watch = SILENT_WATCH
) -> "list[Generation]":
    """Run a request; see ``run``."""
    from unlike.spread.methods import Supplies
    from unlike.spread.runs import open_spread, run_spread

    corpus, method, out, split, limit = request.corpus, request.method, request.out, request.split, request.limit
    cases = checked_cases(request)
    own = {"llm": request.llm_name, "embedder": request.embedder_name, "concurrency": request.concurrency}
    own |= {"journal": str(request.journal.resolve())} if request.journal else {}
    facts = own | (facts or {})
    templates = templates_of(request.prompts)
    names = (request.llm_name, request.embedder_name)
    supplies = Supplies(corpus, *names, request.concurrency, None, request.task, templates)
    spread = open_spread(engine, request.journal_file, supplies, request.keep_prompts)
    kit = request.open_kit(request.llm, request.journal_file, watch)
    watch.destination(request.llm_name)
    if spread:
        on_progress = with_progress_file(out, watch.cases(method, spread.tally))
        on_progress(Progress(len(cases), 0, 0))
        return run_spread(replace(spread, on_progress=on_progress), method, kit, out, split, limit, facts)
    job = Job(method, open_method(method), cases, kit)
    n_calls = calls_left(
        lambda asked: run_jobs([replace(job, kit=replace(kit, llm=asked))], generation),
        len(cases),
        kit.llm,
        request.journal_file,
        watch,
    )
    on_progress = with_progress_file(out, watch.cases(method, kit.llm.meter, n_calls))
    rows = wait_for(arun(corpus, method, kit, out, split=split, limit=limit, facts=facts, on_progress=on_progress))
    watch.unmatched_rules(kit.llm.backend)
    return rows


def checked_cases(request: RunRequest) -> "Sequence[Case]":
    """The cases of a run, after a check of its names and of its folder.

    Raises:
        InputError: A name is not allowed, or the folder holds another run.
    """
    if isinstance(request.embedder, str):
        check_name(request.embedder)
    if isinstance(request.llm, str):
        check_llm(request.llm)
    cases = pick_cases(request.corpus, request.split, request.limit)
    task = open_task(request.task, request.prompts)
    same = {"method": request.method, "split": request.split, "embedder": request.embedder_name}
    same |= {"llm": model_of(request.llm_name), "corpus_hash": request.corpus.hash}
    same |= {"task": task.name, "templates": task.templates}
    refuse_input(request.out, prompts=request.prompts, corpus=request.corpus.folder)
    refuse_other_run(request.out, same | asdict(request.settings), len(cases))
    return cases
