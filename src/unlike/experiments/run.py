"""One method over the cases of a corpus, written to a run folder."""

from collections.abc import Mapping
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
from unlike.experiments.folder import refuse_other_run
from unlike.experiments.unread_templates import unread_templates
from unlike.experiments.watch import SILENT_WATCH, Watch
from unlike.llm.open import check_llm, model_of
from unlike.llm.soft_prompt import SOFT_STEPS
from unlike.methods.table import ADAPTED, open_method, uses_encoder
from unlike.prompts.task import open_task, templates_of
from unlike.settings import MethodSettings, as_path, vector_file
from unlike.sync import wait_for

if TYPE_CHECKING:
    from unlike.embed.encoder import Encoder
    from unlike.llm.backend import Backend
    from unlike.methods.kit import Kit
    from unlike.records import Generation


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
        soft = SOFT_STEPS.values() if self.method in ADAPTED else ()
        watch.unread_templates(self.prompts, unread_templates(self.prompts, [(self.method, self.settings)], soft))
        return open_kit(
            self.corpus,
            llm,
            encoder,
            self.settings,
            journal=journal,
            task=open_task(self.task, self.prompts),
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
    chosen = settings if isinstance(settings, MethodSettings) else MethodSettings(**settings or {})
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
    llm = request.llm if isinstance(request.llm, str) else request.llm.model
    embedder = request.embedder if isinstance(request.embedder, str) else request.embedder.name
    if isinstance(request.embedder, str):
        check_name(request.embedder)
    if isinstance(request.llm, str):
        check_llm(request.llm)
    cases = pick_cases(corpus, split, limit)
    own = {"llm": llm, "embedder": embedder, "concurrency": request.concurrency}
    own |= {"journal": str(request.journal.resolve())} if request.journal else {}
    facts = own | (facts or {})
    task = open_task(request.task, request.prompts)
    same = {"method": method, "split": split, "embedder": embedder, "llm": model_of(llm)}
    same |= {"corpus_hash": corpus.hash, "task": task.name, "templates": task.templates}
    refuse_other_run(out, same | asdict(request.settings), len(cases))
    templates = templates_of(request.prompts)
    supplies = Supplies(corpus, llm, embedder, request.concurrency, None, request.task, templates)
    spread = open_spread(engine, request.journal_file, supplies, request.keep_prompts)
    kit = request.open_kit(request.llm, request.journal_file, watch)
    watch.destination(llm)
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
