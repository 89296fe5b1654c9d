"""A method over many cases: one row a case, failed ones included.

Progress is kept by the journal alone. Running again therefore walks all cases again, pays only for calls that are
not answered yet, and writes the same rows.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from unlike.data.corpus import Corpus
from unlike.errors import CallFailed, InputError
from unlike.methods.kit import Kit
from unlike.methods.table import Method, open_method
from unlike.records import Case, Generation

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


async def run_cases(
    name: str,
    method: Method,
    cases: Sequence[Case],
    kit: Kit,
    window: int = 32,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[Generation]:
    """Run a method over cases, side by side.

    Args:
        name: Name of the method, as it stands in the rows.
        method: The method.
        cases: The cases; the rows come in their order.
        kit: The method's collaborators.
        window: Cases under way at once; more than the LLM's concurrency keeps its slots busy.
        on_progress: Called after every case.

    Raises:
        EngineError: No call can succeed, so going on makes no sense; what was answered is in the journal.
    """
    places = asyncio.Semaphore(window)
    counts = {"done": 0, "failed": 0}

    async def one(case: Case) -> Generation:
        async with places:
            row = await generation(name, method, case, kit)
        counts[row.status] += 1
        on_progress(Progress(len(cases), counts["done"], counts["failed"]))
        return row

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(case)) for case in cases]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def generation(name: str, method: Method, case: Case, kit: Kit) -> Generation:
    """The row of one case; a failed call makes a failed row, never an empty text."""
    text, status, error, trace = None, "failed", "", {}
    try:
        outcome = await method(case, kit)
        text, status, trace = outcome.text, "done", dict(outcome.trace)
    except CallFailed as failure:
        error = f"{failure} | engine sent: {failure.raw[:2000]}" if failure.raw else str(failure)
    return Generation(
        case_id=case.id,
        user_id=case.user_id,
        item_id=case.item_id,
        method=name,
        text=text,
        reference=case.reference,
        status=status,  # type: ignore[arg-type]
        error=error,
        trace=trace,
    )


async def arun(
    corpus: Corpus,
    method: str,
    kit: Kit,
    out: Path,
    *,
    split: str = "test",
    limit: int | None = None,
    cases: Sequence[Case] | None = None,
    facts: dict[str, Any] | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[Generation]:
    """A method over the cases of a split, written to a run folder.

    Args:
        corpus: The corpus that gives the cases.
        method: Name of the method.
        kit: Its collaborators.
        out: The run folder.
        split: Which cases.
        limit: The first so many cases only.
        cases: Which cases, where neither split nor limit says it.
        facts: What else run.json should say.
        on_progress: Called after every case.

    Raises:
        EngineError: The engine cannot be used; what was answered is kept.
        InputError: No such method or split, or the folder cannot be written.
    """
    chosen = open_method(method)
    cases = pick_cases(corpus, split, limit) if cases is None else cases
    before, start = kit.llm.usage, time.monotonic()
    rows = await run_cases(method, chosen, cases, kit, on_progress=on_progress)
    used = kit.llm.usage.since(before)
    done = sum(row.status == "done" for row in rows)
    write_run(
        out,
        rows,
        {
            "method": method,
            "split": split,
            "llm": kit.llm.backend.model,
            "task": kit.task.name,
            "settings": asdict(kit.settings),
            **(facts or {}),
            "corpus_hash": corpus.hash,
            "versions": versions(),
            "n_cases": len(rows),
            "n_done": done,
            "n_failed": len(rows) - done,
            **asdict(used),
            "wall_s": round(time.monotonic() - start, 3),
        },
    )
    return rows


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
    """Write generations.jsonl and run.json; a reader sees the old files or the new ones, never half of one.

    Raises:
        InputError: The folder cannot be written.
    """
    lines = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / GENERATIONS, "".join(lines))
        _replace(folder / RUN, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise InputError(
            f"run folder {folder} cannot be written: {error.strerror}; free space or name another"
        ) from error


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
        raise InputError(
            f"no finished run in {folder}: {Path(error.filename).name} is missing; finish it with unlike run"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"run folder {folder} cannot be read: {error}") from error


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {"python": python_version()}
    for package in _VERSIONS_OF:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
