"""Runs and experiments whose rows are made by many workers.

Rows come back through Ray and are written by the process that asked, in the order of the cases, as ``evaluate`` writes
its own. Only the journal stores progress: started again, with either engine, a run repeats no call that was
answered.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import ceil
from pathlib import Path
from typing import Any

from unlike.evaluate.running.plan import Plan
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.run_method import Job, Progress, pick_cases, run_facts, write_run
from unlike.evaluate.running.run_plan import KitOf, cases_of, planned_facts, run_folders
from unlike.llm.usage import Meter, Usage
from unlike.methods.kit import Kit
from unlike.methods.table import open_method
from unlike.records import Generation
from unlike.settings import MethodSettings
from unlike.spread.journal_owner import MAX_PARTS, journal_owners, merge_parts
from unlike.spread.methods import MethodWork, SpreadJob, Supplies, UnitDone
from unlike.spread.work_units import rows_per_unit, units_of
from unlike.spread.workers import RayEngine, cluster, done_by_workers, import_ray, read_engine


@dataclass(frozen=True)
class Spread:
    """Work for many workers, and where its results are stored.

    Attributes:
        supplies: What workers open their kits from.
        engine: Which cluster.
        journal: The run's journal.
        on_progress: Called after every unit of work.
        tally: Counts calls and tokens of all workers.
        keep_prompts: Whether the journal keeps prompts beside their answers.
    """

    supplies: Supplies
    engine: RayEngine
    journal: Path
    on_progress: Callable[[Progress], None] = lambda progress: None
    tally: Meter = field(default_factory=Meter)
    keep_prompts: bool = True


def open_spread(engine: str, journal: Path, supplies: Supplies, keep_prompts: bool = True) -> Spread | None:
    """The workers that make a run; None for this process. Parts of a journal that a killed run left are merged first.

    Args:
        engine: "local", "ray", "ray:WORKERS" or "ray://HOST:PORT".
        journal: The run's journal.
        supplies: What workers open their kits from.
        keep_prompts: Whether the journal keeps prompts beside their answers.

    Raises:
        InputError: There is no such engine, or the journal cannot be used.
        MissingPart: Ray is not installed.
    """
    chosen = read_engine(engine)
    if chosen:
        import_ray()
    merge_parts(journal)
    return Spread(supplies, chosen, journal, keep_prompts=keep_prompts) if chosen else None


def run_spread(
    spread: Spread, method: str, kit: Kit, out: Path, split: str, limit: int | None, facts: dict[str, Any]
) -> list[Generation]:
    """A method over the cases of a split, written to a run folder: ``arun`` on many workers.

    Args:
        spread: The workers.
        method: Name of the method.
        kit: Of this process, for the facts in run.json; its LLM is not called.
        out: The run folder.
        split: Split of the cases.
        limit: Run only the first N cases.
        facts: Entries to add to run.json.

    Raises:
        EngineError: The LLM cannot be used; what was answered is kept.
        InputError: No such method, split or cluster, or a file cannot be written.
        MissingPart: Ray is not installed.
    """
    corpus = spread.supplies.corpus
    job = Job(method, open_method(method), pick_cases(corpus, split, limit), kit)
    start = time.monotonic()
    sent = SpreadJob(method, kit.settings, job.cases, kit.settings.adapter)
    ((rows, usage),) = spread_jobs([sent], spread)
    write_run(out, rows, run_facts(job, rows, usage, time.monotonic() - start, corpus, split) | facts)
    return rows


def plan_spread(
    spread: Spread, plan: Plan, kit_of: KitOf, adapter_folder: Callable[[MethodSettings], Path], out: Path
) -> list[Path]:
    """Run all planned runs, each into a folder of its own below ``out``: ``run_plan`` on many workers.

    Args:
        spread: The workers.
        plan: What is compared.
        kit_of: Kits of this process, for the facts in each run.json; their LLM is not called.
        adapter_folder: Returns the folder of the adapter of some settings, on every machine.
        out: The experiment's folder.

    Raises:
        EngineError: The LLM cannot be used; what was answered is kept.
        InputError: No such split or cluster, or a file cannot be written.
        MissingPart: Ray is not installed.
    """
    runs, corpus, start = planned_runs(plan), spread.supplies.corpus, time.monotonic()
    sent = [
        SpreadJob(
            run.method,
            run.settings,
            cases_of(plan, corpus, run.sample),
            str(adapter_folder(run.settings)) if run.settings.adapter else "",
            writes=not plan.likelihood_alone,
        )
        for run in runs
    ]
    done = spread_jobs(sent, spread)
    folders, wall_s = run_folders(plan, out), time.monotonic() - start
    for run, job, (rows, usage), folder in zip(runs, sent, done, folders, strict=True):
        planned = Job(job.name, open_method(job.name), job.cases, kit_of(job.settings))
        write_run(folder, rows, run_facts(planned, rows, usage, wall_s, corpus, plan.split) | planned_facts(plan, run))
    return folders


def spread_jobs(jobs: Sequence[SpreadJob], spread: Spread) -> list[tuple[list[Generation], Usage]]:
    """Rows and usage of each job; the rows in the order of its cases.

    Raises:
        EngineError: The LLM cannot be used; what was answered is kept.
        InputError: There is no such cluster, or the journal cannot be used.
        MissingPart: Ray is not installed.
    """
    found: dict[tuple[int, int], Generation] = {}
    usage = [Usage() for _ in jobs]
    n_rows, n_failed = sum(len(job.cases) for job in jobs), 0
    with (
        cluster(spread.engine) as workers,
        journal_owners(spread.journal, min(workers, MAX_PARTS), spread.keep_prompts) as owners,
    ):
        units = units_of([job.cases for job in jobs], workers)
        at_once = _units_at_once(n_rows, workers, spread.supplies.concurrency)
        done: UnitDone
        for _, done in done_by_workers(MethodWork(spread.supplies, jobs, owners), units, workers, at_once):
            found.update(done.rows)
            for number, more in done.usage.items():
                usage[number] = usage[number].plus(more)
            n_failed += sum(row.status == "failed" for row in done.rows.values())
            spread.tally.usage = reduce(Usage.plus, usage)
            spread.on_progress(Progress(n_rows, len(found) - n_failed, n_failed))
    return [
        ([found[number, place] for place in range(len(job.cases))], usage[number]) for number, job in enumerate(jobs)
    ]


def _units_at_once(n_rows: int, workers: int, concurrency: int) -> int:
    """Units that a worker does at a time: enough for twice as many rows as concurrent LLM calls, as in one process."""
    return 1 + ceil(2 * concurrency / rows_per_unit(n_rows, workers))
