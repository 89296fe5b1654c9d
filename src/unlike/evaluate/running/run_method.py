"""A method over many cases: one row per case, including failed ones.

Progress is kept only in the journal. A run that is started again therefore goes over all cases, makes only the calls that
are not answered yet, and writes the same rows.
"""

import asyncio
import json
import math
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, Protocol, TypeVar

from unlike.data.corpus import Corpus
from unlike.data.folder import MANIFEST
from unlike.errors import CallFailed, InputError, custom_code
from unlike.llm.journal import Call, key
from unlike.llm.usage import Usage
from unlike.methods.kit import Kit
from unlike.methods.table import Method, open_method
from unlike.prompts.task import Task, built_in_tasks, open_task
from unlike.records import Case, Generation
from unlike.settings import as_path
from unlike.writing.write import not_written, write

GENERATIONS = "generations.jsonl"
RUN = "run.json"
JOURNAL = "journal.sqlite"

_VERSIONS_OF = ("unlike", "numpy", "scikit-learn", "sentence-transformers", "openai", "xllamacpp")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    n_cases: int
    n_done: int
    n_failed: int


@dataclass(frozen=True)
class Job:
    """A method over cases.

    Attributes:
        name: Name of the method in the rows.
        method: The method.
        cases: The cases; the rows come in their order.
        kit: The method's collaborators.
        writes: Whether texts are written; otherwise their prompts are only counted.
    """

    name: str
    method: Method
    cases: Sequence[Case]
    kit: Kit
    writes: bool = True


class Row(Protocol):
    """The result of a case."""

    @property
    def error(self) -> str:
        """Why the case failed; empty where it did not."""
        ...


RowT = TypeVar("RowT", bound=Row)


async def run_jobs(
    jobs: Sequence[Job],
    row_of: Callable[[Job, Case], Awaitable[RowT]],
    window: int = 128,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[list[RowT]]:
    """Run jobs side by side, case by case, and the methods of one case after each other where there are enough cases.

    Prompts of one step about one case begin alike, those of different steps need not. Asked at the same moment, each would
    be read from its beginning; asked one after the other, an engine's prefix cache serves all but the first.

    Args:
        jobs: Methods over cases.
        row_of: Makes the row of a case: ``generation``, or the likelihood of its real text.
        window: Maximum number of rows in progress; four times the engine's concurrent calls keep its slots busy until the end.
        on_progress: Called at the beginning and after every case, with the counts of all jobs together.

    Returns:
        The rows of each job, in the order of its cases.

    Raises:
        EngineError: No call can succeed; what was answered is in the journal.
    """
    slots = asyncio.Semaphore(window)
    n_rows = sum(len(job.cases) for job in jobs)
    case_ids = {case.id for job in jobs for case in job.cases}
    of_case = {case_id: asyncio.Semaphore(math.ceil(window / len(case_ids))) for case_id in case_ids}
    counts = Counter[bool]()

    async def one(job: Job, case: Case) -> RowT:
        async with of_case[case.id], slots:
            row = await row_of(job, case)
        counts[not row.error] += 1
        on_progress(Progress(n_rows, counts[True], counts[False]))
        return row

    on_progress(Progress(n_rows, 0, 0))
    in_turn = sorted((place, number) for number, job in enumerate(jobs) for place in range(len(job.cases)))
    try:
        async with asyncio.TaskGroup() as group:
            tasks = {
                (number, place): group.create_task(one(jobs[number], jobs[number].cases[place]))
                for place, number in in_turn
            }
    except ExceptionGroup as failures:
        first = failures.exceptions[0]
        raise first from first.__cause__
    return [[tasks[number, place].result() for place in range(len(job.cases))] for number, job in enumerate(jobs)]


async def generation(job: Job, case: Case) -> Generation:
    """The row of one case; a failed call makes a failed row, never an empty text.

    The trace of a failed row names the calls that were made, so that their prompts can be shown.
    """
    calls: list[Call] = []
    kit = replace(job.kit, llm=job.kit.llm.part(calls.append))
    row = Generation(case.id, case.user_id, case.item_id, job.name, None, case.reference, "failed")
    try:
        with custom_code(f"method {job.name!r} on case {case.id!r}"):
            draft = await job.method(case, kit)
            reply = await write(draft, kit.llm) if job.writes else not_written(draft, kit.llm.backend)
    except CallFailed as failure:
        error = f"{failure} | engine sent: {failure.raw[:2000]}" if failure.raw else str(failure)
        made = {key(call, kit.llm.backend.model): call.step for call in calls}  # made concurrently, in any order
        return replace(row, error=error, trace={"calls": [{"step": made[name], "key": name} for name in sorted(made)]})
    outcome = draft.outcome(reply)
    return replace(row, text=outcome.text, status="done", trace=dict(outcome.trace))


async def arun(
    corpus: Corpus,
    method: str,
    kit: Kit,
    out: Path | str,
    *,
    split: str = "test",
    limit: int | None = None,
    cases: Sequence[Case] | None = None,
    facts: dict[str, Any] | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[Generation]:
    """Run a method over the cases of a split, and write the rows to a run folder.

    Args:
        corpus: The corpus that gives the cases.
        method: Name of the method.
        kit: Its collaborators.
        out: The run folder.
        split: Name of the split whose cases are run.
        limit: Run only the first N cases.
        cases: The cases, instead of ``split`` and ``limit``.
        facts: Entries to add to run.json.
        on_progress: Called after every case.

    Raises:
        EngineError: The engine cannot be used; what was answered is kept.
        InputError: No such method or split, or the folder cannot be written.
    """
    chosen = open_method(method)
    cases = pick_cases(corpus, split, limit) if cases is None else cases
    llm, start = kit.llm.part(), time.monotonic()
    job = Job(method, chosen, cases, replace(kit, llm=llm))
    (rows,) = await run_jobs([job], generation, on_progress=on_progress)
    write_run(Path(out), rows, run_facts(job, rows, llm.usage, time.monotonic() - start, corpus, split) | (facts or {}))
    return rows


def run_facts(
    job: Job, rows: Sequence[Generation], usage: Usage, wall_s: float, corpus: Corpus, split: str
) -> dict[str, Any]:
    """The content of run.json: what is needed to read the rows and to make them again."""
    kit, done = job.kit, sum(row.status == "done" for row in rows)
    return {
        "method": job.name,
        "split": split,
        "llm": kit.llm.backend.model,
        "task": kit.task.name,
        "templates": kit.task.templates,
        "base_task": kit.task.base,
        "prompts": kit.task.folder,
        "settings": asdict(kit.settings),
        "corpus": str(corpus.folder or ""),
        "corpus_hash": corpus.hash,
        "versions": versions(),
        "n_cases": len(rows),
        "n_done": done,
        "n_failed": len(rows) - done,
        "n_without_peers": sum(not corpus.has_peers(case, kit.settings.time_rule) for case in job.cases),
        **asdict(usage),
        "wall_s": round(wall_s, 3),
    }


def pick_cases(corpus: Corpus, split: str, limit: int | None) -> Sequence[Case]:
    """The cases of a split.

    Raises:
        InputError: The corpus has none.
    """
    cases = corpus.cases(split, limit)
    if not cases:
        raise InputError(f"corpus has no cases in split {split!r}; see what is in it with: unlike corpus DIR")
    return cases


def write_run(folder: Path, rows: Sequence[Generation], facts: Mapping[str, Any]) -> None:
    """Write generations.jsonl and run.json; see ``write_whole``.

    Raises:
        InputError: They cannot be written.
    """
    lines = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
    write_whole(folder / GENERATIONS, "".join(lines))
    write_whole(folder / RUN, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def read_run(folder: Path) -> tuple[list[Generation], dict[str, Any]]:
    """The rows and the facts of a run folder.

    Raises:
        InputError: There is no finished run in that folder.
    """
    try:
        facts = json.loads((folder / RUN).read_text(encoding="utf-8"))
        with (folder / GENERATIONS).open(encoding="utf-8") as lines:
            return [Generation(**json.loads(line)) for line in lines], facts
    except FileNotFoundError as error:
        raise no_run(folder, Path(error.filename).name) from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"run folder {folder} cannot be read: {error}") from error


def corpus_folder(run: Path, facts: Mapping[str, Any], moved: Path | None = None) -> Path:
    """The folder of the corpus that a run was made on.

    Args:
        run: The run folder, for the message.
        facts: Its run.json.
        moved: Where the corpus is now, if that is not where it was.

    Raises:
        InputError: There is no corpus.
    """
    known = moved or (Path(facts["corpus"]) if facts.get("corpus") else None)
    if known is None:
        raise InputError(
            f"run {run.resolve().name} was made on a corpus in memory; write that with Corpus.write, and give the folder: "
            "--corpus, or corpus= in Python"
        )
    if not (known / MANIFEST).is_file():
        raise InputError(
            f"the corpus of run {run.resolve().name} is not in {str(known)!r}; give its folder: --corpus, or corpus= in Python"
        )
    return known


def task_of(run: Path, facts: Mapping[str, Any], moved: Path | None = None) -> Task:
    """The task that a run was made with.

    Args:
        run: The run folder, for the message.
        facts: Its run.json.
        moved: Where its prompts folder is now, if that is not where it was.

    Raises:
        InputError: The folder is gone, or its files have changed since.
    """
    folder, name = moved or as_path(facts.get("prompts") or None), facts["task"]
    lost = InputError(
        f"run {run.resolve().name} was made with a prompts folder, and {folder or 'run.json'} does not have its files; give "
        "the folder as it was then: --prompts, or prompts= in Python"
    )
    if facts.get("templates") and not (folder and folder.is_dir()):
        raise lost
    task = open_task(facts.get("base_task") or (name if name in built_in_tasks() else "review"), folder)
    if task.templates != facts.get("templates", ""):
        raise lost
    return task


def no_run(folder: Path, missing: str) -> InputError:
    """The error for a folder without a finished run; it names the runs beside it, or those of an experiment's folder."""
    of_experiment = folder / "runs"
    near = of_experiment if of_experiment.is_dir() else folder.parent
    runs = sorted(str(file.parent) for file in near.glob(f"*/{RUN}"))
    if runs and (near == of_experiment or not folder.is_dir()):
        return InputError(f"{folder} is no run; the runs there are {', '.join(runs)}")
    if not folder.is_dir():
        return InputError(f"there is no folder {folder}")
    how = "run its experiment again to its end" if (folder / "plan.json").is_file() else "finish it with unlike run"
    return InputError(f"no finished run in {folder}: {missing} is missing; {how}")


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees the old one or the new one.

    Raises:
        InputError: It cannot be written.
    """
    write_all({path.name: text}, path.parent, str(path))


def write_all(
    texts: Mapping[str, str], out: Path, what: str = "", advice: str = "free space or name another folder"
) -> list[Path]:
    """Write several texts, by file name, atomically: all are on the disk before the first takes its place.

    Args:
        texts: By file name.
        out: Their folder, which is made.
        what: Its name in an error; that of the folder where it is empty.
        advice: What to do about an error.

    Returns:
        The files.

    Raises:
        InputError: One cannot be written.
    """
    parts = {out / name: out / f"{name}.part" for name in texts}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for part, text in zip(parts.values(), texts.values(), strict=True):
            part.write_text(text, encoding="utf-8", newline="\n")
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        raise InputError(f"{what or out} cannot be written: {error.strerror}; {advice}") from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()
    return list(parts)


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {"python": python_version()}
    for package in _VERSIONS_OF:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
