"""An experiment from one file to one report: adapters, runs, likelihoods, grades, findings.

Interrupted and started again it continues where it was: calls are in the journal, adapters in the folder.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.errors import InputError
from unlike.evaluate.running.grading import Grading, grade_all
from unlike.evaluate.running.plan import Plan, at_time
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.read_plan import read_plan
from unlike.evaluate.running.run_method import JOURNAL, write_whole
from unlike.evaluate.running.run_plan import find, likelihood_of_plan, measure_all, run_plan
from unlike.experiments.folder import claim_folder
from unlike.experiments.watch import SILENT_WATCH, Watch
from unlike.records import TimeRule
from unlike.settings import MethodSettings, vector_file

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.evaluate.running.plan import Engine
    from unlike.evaluate.running.run_plan import KitOf
    from unlike.evaluate.statistics.findings import Findings, RubricFindings
    from unlike.evaluate.statistics.measured import MeasuredRun
    from unlike.spread.runs import Spread

REPORT, RUBRICS = "report.html", "rubrics.json"


@dataclass(frozen=True)
class Experiment:
    """An opened experiment.

    Attributes:
        plan: What is compared.
        corpus: The plan's corpus.
        encoder: The plan's encoder, with its cache of vectors.
        folder: Folder of runs, adapters, journal and report.
    """

    plan: Plan
    corpus: "Corpus"
    encoder: "Encoder"
    folder: Path

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
        from unlike.prompts.task import open_task

        options = {} if engine.context_tokens is None else {"context_tokens": engine.context_tokens}
        backend = (open_patient if asks else open_counter)(engine.uri, **options)
        llm = RecordedLLM(backend, Journal.open(journal, self.plan.keep_prompts), engine.concurrency)
        task = open_task(self.plan.task, self.plan.prompts)
        return kits(self.corpus, llm, self.encoder, task, adapter_folder or self.adapter_folder)

    def adapter_folder(self, settings: MethodSettings) -> Path:
        """Folder of the adapter of some settings: one that the experiment trains per seed, or a given folder."""
        if settings.adapter in {entry.name for entry in self.plan.adapters}:
            return self.adapters_at / f"{settings.adapter}-s{settings.seed}"
        return Path(settings.adapter)

    @property
    def adapters_at(self) -> Path:
        """Folder of the adapters that the plan trains."""
        return self.plan.adapters_at or self.folder / "adapters"

    @cached_property
    def training_corpora(self) -> "Sequence[Corpus]":
        """What the adapters are trained on."""
        from unlike.data.corpus import Corpus

        return [Corpus.open(folder) for folder in self.plan.train_on] or [self.corpus]


@dataclass(frozen=True)
class Comparison:
    """The result of an experiment or a report.

    Attributes:
        findings: The tables, tests and curves.
        files: The report in all its formats.
    """

    findings: "Findings"
    files: tuple[Path, ...]

    @property
    def n_failed(self) -> int:
        """Failed cases of all runs."""
        return len(self.findings.failures)


def experiment(
    file: Path | str,
    out: Path | None = None,
    *,
    corpus: Path | None = None,
    llm: str | None = None,
    embedder: str | None = None,
    limit: int | None = None,
    time: TimeRule | None = None,
    judges: Sequence[str] | None = None,
    train_on: Sequence[Path] = (),
    adapters_at: Path | None = None,
    engine: str = "local",
    watch: Watch = SILENT_WATCH,
) -> Comparison:
    """Run everything that an experiment file asks for, and write the report.

    Args:
        file: TOML file, or the name of a preset such as "dpl-table1".
        out: Folder of the experiment; None for one in the current folder, named after the file.
        corpus: Corpus folder, overrides the file's.
        llm: URI of the LLM, overrides the file's.
        embedder: Encoder, overrides the file's.
        limit: Run only the first N cases, overrides the file's.
        time: Which texts of others count, for all methods and adapters; overrides the file's.
        judges: LLMs that grade: "s-72b", "s-gpt@http://HOST:PORT/v1" or URIs; override the file's, [] for none.
        train_on: Corpora that adapters are trained on together, overrides the file's.
        adapters_at: Folder of the adapters, where experiments share them; overrides the file's.
        engine: "local", or where Ray does the work: "ray", "ray:WORKERS", "ray://HOST:PORT".
        watch: Shows progress.

    Returns:
        The findings and the files of the report.

    Raises:
        EngineError: The LLM cannot be used; what was answered is kept.
        InputError: The file has values that are not allowed, or the folder belongs to another plan.
        MissingPart: A package is not installed.
        Stopped: The user stopped it; what was answered is kept.
    """
    opened = open_experiment(
        file,
        out,
        corpus=corpus,
        llm=llm,
        embedder=embedder,
        limit=limit,
        time=time,
        judges=judges,
        train_on=train_on,
        adapters_at=adapters_at,
        watch=watch,
    )
    return run_experiment(opened, engine, watch)


def open_experiment(
    file: Path | str,
    out: Path | None = None,
    *,
    corpus: Path | None = None,
    llm: str | None = None,
    embedder: str | None = None,
    limit: int | None = None,
    time: TimeRule | None = None,
    judges: Sequence[str] | None = None,
    train_on: Sequence[Path] = (),
    adapters_at: Path | None = None,
    watch: Watch = SILENT_WATCH,
) -> Experiment:
    """Read an experiment file and open its corpus and encoder; see ``experiment``."""
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder

    path = Path(file)
    named = {"corpus": corpus, "embedder": embedder, "limit": limit, "judges": judges}
    shared = {"train_on": tuple(train_on) or None, "adapters_at": adapters_at}
    plan = read_plan(path, named | shared, llm, runs=True)
    plan = at_time(plan, time) if time else plan
    assert plan.corpus is not None
    encoder, opened = open_encoder(plan.embedder, vector_file(), watch.encoding), Corpus.open(plan.corpus)
    watch.cut_texts(encoder, opened.texts())
    return Experiment(plan, opened, encoder, out or Path(path.stem))


def train_experiment(opened: Experiment, watch: Watch = SILENT_WATCH) -> list[Path]:
    """Train the adapters of an experiment that are not trained yet, before any engine is opened.

    Returns:
        The folders of those that were trained.

    Raises:
        InputError: The folder belongs to another plan, or an adapter was trained differently.
        EngineError: A training failed; the message says what to lower.
    """
    from unlike.experiments.adapters import train_adapters, untrained_adapters

    untrained = untrained_adapters(opened)
    claim_folder(opened.folder, opened.plan, opened.corpus.hash)
    train_adapters(opened, untrained, watch)
    return [adapter.folder for adapter in untrained]


def run_experiment(opened: Experiment, engine: str = "local", watch: Watch = SILENT_WATCH) -> Comparison:
    """Train, run, measure and report; see ``experiment``."""
    from unlike.sync import wait_for

    plan, corpus = opened.plan, opened.corpus
    train_experiment(opened, watch)
    spread = _spread(opened, engine)
    for uri in (plan.llm.uri, *(judge.uri for judge in plan.judges)):
        watch.destination(uri)
    kit_of = opened.kits(plan.llm, opened.folder / JOURNAL)
    folders = _run_plan(opened, kit_of, spread, watch)
    if plan.likelihood:
        llm = kit_of(MethodSettings()).llm
        on_progress = watch.cases("likelihood of the real texts", llm)
        wait_for(likelihood_of_plan(plan, corpus, kit_of, opened.folder, on_progress))
    runs = measure_all(folders, plan, corpus)
    rubrics = _grade(opened, runs, watch)
    return write_comparison(find(plan, corpus, opened.encoder, runs, rubrics), opened.folder / REPORT)


def _grade(opened: Experiment, runs: "list[MeasuredRun]", watch: Watch) -> "list[RubricFindings]":
    """Let all judges grade the runs; the criteria of rubric judges are written beside the report."""
    from unlike.sync import wait_for

    learned, found = dict[str, Any](), list["RubricFindings"]()
    for judge in opened.plan.judges:
        watch.say(f"{judge.label}: {judge.calls}")
        kit = opened.kits(judge, opened.folder / JOURNAL)(MethodSettings())
        if by_rubric := wait_for(grade_all(Grading(opened.plan, judge, opened.corpus, kit), runs)):
            found.append(by_rubric[0])
            learned[judge.metric] = {user: asdict(rubric) for user, rubric in by_rubric[1].items()}
    if learned:
        write_whole(opened.folder / RUBRICS, json.dumps(learned, indent=1, ensure_ascii=False) + "\n")
    return found


def write_comparison(findings: "Findings", out: Path) -> Comparison:
    """Write the report of an experiment's findings.

    Args:
        findings: What was found.
        out: The HTML file; the other formats are written beside it.
    """
    from unlike.evaluate.report.page import write_report

    write_whole(out.with_suffix(".json"), json.dumps(asdict(findings), indent=1, ensure_ascii=False) + "\n")
    return Comparison(findings, tuple(write_report(findings, out)))


def report(
    runs: "list[Path]",
    out: Path = Path(REPORT),
    *,
    corpus: Path | None = None,
    embedder: str = "minilm",
    watch: Watch = SILENT_WATCH,
    **options: object,
) -> Comparison:
    """Compare run folders that exist already.

    Args:
        runs: Run folders, or folders of experiments.
        out: The HTML file.
        corpus: Corpus folder, where it has moved since the runs.
        embedder: Encoder for the uniqueness of users.
        watch: Shows progress.
        options: ``title``, ``metrics``, ``users`` as in an experiment file.

    Raises:
        InputError: There is no finished run, or the runs are on different corpora.
    """
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.evaluate.running.read_plan import plan_of
    from unlike.evaluate.running.run_method import read_run

    folders = [folder for path in runs for folder in finished_runs(path)]
    facts = [read_run(folder)[1] for folder in folders]
    n_corpora = len({fact["corpus_hash"] for fact in facts})
    if n_corpora > 1:
        raise InputError(f"these runs are on {n_corpora} corpora and cannot be compared; give runs on one corpus")
    named = {"split": facts[0]["split"], "settings": facts[0]["settings"], "embedder": embedder}
    made = {str(fact["method"]) for fact in facts}
    plan = plan_of({"title": "Comparison", "methods": _methods(facts)} | named | options, "report", made=made)
    opened = Corpus.open(corpus or Path(facts[0]["corpus"]))
    encoder = open_encoder(embedder, vector_file(), watch.encoding)
    return write_comparison(find(plan, opened, encoder, measure_all(folders, plan, opened)), out)


def _run_plan(opened: Experiment, kit_of: "KitOf", spread: "Spread | None", watch: Watch) -> list[Path]:
    """Run the plan in this process or on the workers; returns the run folders."""
    from unlike.evaluate.running.progress import with_progress_file
    from unlike.spread.runs import plan_spread
    from unlike.sync import wait_for

    n_runs = len(planned_runs(opened.plan))
    label, llm = f"{n_runs} run{'s' if n_runs > 1 else ''}", kit_of(MethodSettings()).llm
    on_progress = with_progress_file(opened.folder, watch.cases(label, spread.tally if spread else llm))
    if spread:
        spread = replace(spread, on_progress=on_progress)
        return plan_spread(spread, opened.plan, kit_of, opened.adapter_folder, opened.folder)
    return wait_for(run_plan(opened.plan, opened.corpus, kit_of, opened.folder, on_progress))


def _spread(opened: Experiment, engine: str) -> "Spread | None":
    """The Ray workers that do the runs; None to do them here, where likelihoods, grades and metrics are always computed."""
    from unlike.spread.methods import Supplies, templates_of
    from unlike.spread.runs import open_spread

    plan = opened.plan
    supplies = Supplies(
        opened.corpus,
        plan.llm.uri,
        plan.embedder,
        plan.llm.concurrency,
        plan.llm.context_tokens,
        plan.task,
        templates_of(plan.prompts),
    )
    return open_spread(engine, opened.folder / JOURNAL, supplies, plan.keep_prompts)


def _methods(facts: "list[dict[str, Any]]") -> list[dict[str, Any]]:
    """The methods of some runs as a plan names them, each with its adapter."""
    adapters = {fact["method"]: fact["settings"].get("adapter", "") for fact in facts}
    return [{"method": method, "settings": {"adapter": adapter}} for method, adapter in adapters.items()]


def finished_runs(path: Path) -> list[Path]:
    """The run folder itself, or the runs of an experiment's folder."""
    if (path / "runs").is_dir():
        return sorted(folder.parent for folder in (path / "runs").glob("*/run.json"))
    return [path]
