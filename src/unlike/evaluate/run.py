"""A method over many cases: one row a case, failed ones included.

Progress is kept by the journal alone. Running again therefore walks all cases again, pays only for calls that are
not answered yet, and writes the same rows.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unlike.errors import CallFailed, InputError
from unlike.methods.kit import Kit
from unlike.methods.table import Method
from unlike.records import Case, Generation

GENERATIONS = "generations.jsonl"
RUN = "run.json"
JOURNAL = "journal.sqlite"


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
