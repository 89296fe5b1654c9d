"""An experiment from one file to one report: adapters, runs, likelihoods, grades, findings.

Interrupted and started again it continues where it was: calls are in the journal, adapters in the folder.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from unlike.errors import EngineError, InputError, MissingPart, UnlikeError
from unlike.evaluate.running.all_judges import Grading, forecast_judge, grade_all
from unlike.evaluate.running.plan import Engine, Plan
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.run_method import Progress, write_whole
from unlike.evaluate.running.run_plan import cases_of, find, forecast, likelihood_of_plan, measure_all, run_plan
from unlike.experiments.adapters import train_adapters, untrained_adapters
from unlike.experiments.calls_left import calls_left, existing_journal
from unlike.experiments.folder import claim_folder
from unlike.experiments.open import Experiment, open_experiment
from unlike.experiments.report import REPORT, Comparison, write_comparison
from unlike.experiments.watch import SILENT_WATCH, Watch
from unlike.progress import n_of
from unlike.records import TimeRule
from unlike.settings import MethodSettings
from unlike.writing.loglik import scorer_of

if TYPE_CHECKING:
    from unlike.evaluate.running.run_plan import KitOf
    from unlike.evaluate.statistics.findings import RubricFindings
    from unlike.evaluate.statistics.measured import MeasuredRun
    from unlike.llm.backend import Backend
    from unlike.spread.runs import Spread

T = TypeVar("T")

RUBRICS = "rubrics.json"


def experiment(
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
    engine: str = "local",
    watch: Watch = SILENT_WATCH,
) -> Comparison:
    """Run everything that an experiment file asks for, and write the report.

    Args:
        file: TOML file, or the name of a preset such as "dpl-table1".
        out: Folder of the experiment; None for one in the current folder, named after the file.
        corpus: Corpus folder, overrides the file's.
        llm: URI of the LLM, or an open backend; overrides the file's.
        embedder: Encoder, overrides the file's.
        limit: Run only the first N cases, overrides the file's.
        time: Which texts of others count, for all methods and adapters; overrides the file's.
        judges: LLMs that grade: "s-72b", "s-gpt@http://HOST:PORT/v1" or URIs; override the file's, [] for none.
        train_on: Corpora that adapters are trained on together, overrides the file's.
        adapters_at: Folder of the adapters, where experiments share them; overrides the file's.
        journal: File that keeps the LLM calls, which experiments and runs may share; overrides the file's.
        engine: "local", or where Ray does the work: "ray", "ray:WORKERS", "ray://HOST:PORT".
        watch: Shows progress.

    Returns:
        The findings and the files of the report.

    Raises:
        EngineError: The LLM cannot be used; what was answered is kept. If it is a judge, the report is written without its
            grades.
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
        journal=journal,
        watch=watch,
    )
    return run_experiment(opened, engine, watch)


def train_experiment(opened: Experiment, watch: Watch = SILENT_WATCH) -> list[Path]:
    """Train the adapters of an experiment that are not trained yet, before any engine is opened.

    Returns:
        The folders of those that were trained.

    Raises:
        InputError: The folder belongs to another plan, or an adapter was trained differently.
        EngineError: A training failed; the message says what to lower.
    """
    untrained = untrained_adapters(opened)
    claim_folder(opened.folder, opened.plan, opened.corpus.hash)
    train_adapters(opened, untrained, watch)
    return [adapter.folder for adapter in untrained]


def run_experiment(opened: Experiment, engine: str = "local", watch: Watch = SILENT_WATCH) -> Comparison:
    """Train, run, measure and report; see ``experiment``."""
    from unlike.sync import wait_for

    plan, corpus = opened.plan, opened.corpus
    _check_endpoints(opened)
    train_experiment(opened, watch)
    spread = _spread(opened, engine)
    for uri in (plan.llm.uri, *(judge.uri for judge in plan.judges)):
        watch.destination(uri)
    kit_of, *kits_of_judges = _for_each_llm(plan, lambda engine: opened.kits(engine, opened.journal_file))
    if plan.likelihood:
        scorer_of(kit_of(MethodSettings()).llm.backend)  # before any text is paid for
    folders = _run_plan(opened, kit_of, spread, watch)
    if plan.likelihood:
        on_progress = watch.cases("likelihood of the real texts", kit_of(MethodSettings()).llm.meter)
        wait_for(likelihood_of_plan(plan, corpus, kit_of, opened.folder, on_progress))
    watch.unmatched_rules(kit_of(MethodSettings()).llm.backend)
    runs = measure_all(folders, plan, corpus)
    failures: list[str] = []
    rubrics = _grade(opened, kits_of_judges, runs, watch, failures)
    made = write_comparison(find(plan, corpus, opened.encoder, runs, rubrics), opened.folder / REPORT)
    if failures:
        raise EngineError(f"{'; '.join(failures)}; {made.files[0]} is without these grades; start again to continue")
    return made


def _check_endpoints(opened: Experiment) -> None:
    """Open each endpoint of the plan once, which needs a key but no connection: an adapter may take hours to train.

    Raises:
        InputError: There is no key, or an address is not usable.
    """
    from unlike.llm.open import destination, open_llm

    def check(engine: Engine) -> None:
        is_given = engine is opened.plan.llm and opened.backend is not None
        if not is_given and destination(engine.uri):
            open_llm(engine.uri)

    _for_each_llm(opened.plan, check)


def _for_each_llm(plan: Plan, opening: Callable[[Engine], T]) -> list[T]:
    """What comes of opening the LLM that writes, and each judge.

    Raises:
        EngineError, InputError, MissingPart: Some cannot be used; the message names all of them.
    """
    made, problems = list[T](), dict[str, UnlikeError]()
    for label, engine in [("", plan.llm), *((f"{judge.label}: ", judge) for judge in plan.judges)]:
        try:
            made.append(opening(engine))
        except (EngineError, InputError, MissingPart) as error:
            problems[f"{label}{error}"] = error
    if problems:
        first = next(iter(problems.values()))
        raise (type(first) if len(problems) == 1 else InputError)("; ".join(problems)) from first
    return made


def _grade(
    opened: Experiment, kits: "Sequence[KitOf]", runs: "list[MeasuredRun]", watch: Watch, failures: list[str]
) -> "list[RubricFindings]":
    """Let all judges grade the runs; the criteria of rubric judges are written beside the report.

    A judge that cannot be used any more is added to the failures, and noted at the runs that it did not grade.
    """
    from unlike.sync import wait_for

    learned, found = dict[str, Any](), list["RubricFindings"]()
    for judge, kit_of in zip(opened.plan.judges, kits, strict=True):
        watch.say(f"{judge.label}: {judge.calls}")
        kit = kit_of(MethodSettings())
        grading = Grading(opened.plan, judge, opened.corpus, kit)
        if watch.shows_progress:
            with existing_journal(opened.journal_file) as known:
                expected = wait_for(forecast_judge(grading, opened.folder, known))
            watch.calls(judge.label, kit.llm.meter, expected.n_calls)
        try:
            by_rubric = wait_for(grade_all(grading, runs))
        except EngineError as error:
            failures.append(f"{judge.label}: {error}")
            for run in runs:
                if judge.metric not in run.notes:
                    run.add(judge.metric, {}, f"the judge failed: {error}")
            continue
        if by_rubric:
            found.append(by_rubric[0])
            learned[judge.metric] = {user: asdict(rubric) for user, rubric in by_rubric[1].items()}
    if learned:
        write_whole(opened.folder / RUBRICS, json.dumps(learned, indent=1, ensure_ascii=False) + "\n")
    return found


def _run_plan(opened: Experiment, kit_of: "KitOf", spread: "Spread | None", watch: Watch) -> list[Path]:
    """Run the plan in this process or on the workers; returns the run folders."""
    from unlike.evaluate.running.progress import with_progress_file
    from unlike.spread.runs import plan_spread
    from unlike.sync import wait_for

    plan, corpus, out, runs = opened.plan, opened.corpus, opened.folder, planned_runs(opened.plan)
    label, n_rows = n_of(len(runs), "run"), sum(len(cases_of(plan, corpus, run.sample)) for run in runs)
    if spread:
        on_progress = with_progress_file(out, watch.cases(label, spread.tally))
        on_progress(Progress(n_rows, 0, 0))
        return plan_spread(replace(spread, on_progress=on_progress), plan, kit_of, opened.adapter_folder, out)
    llm = kit_of(MethodSettings()).llm
    n_calls = calls_left(partial(forecast, plan, corpus, kit_of, runs), n_rows, llm, opened.journal_file, watch)
    on_progress = with_progress_file(out, watch.cases(label, llm.meter, n_calls))
    return wait_for(run_plan(plan, corpus, kit_of, out, on_progress))


def _spread(opened: Experiment, engine: str) -> "Spread | None":
    """The Ray workers that do the runs; None to do them here, where likelihoods, grades and metrics are always computed."""
    from unlike.prompts.task import templates_of
    from unlike.spread.methods import Supplies
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
    return open_spread(engine, opened.journal_file, supplies, plan.keep_prompts)
