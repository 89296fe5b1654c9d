"""The progress of a run or an experiment, for other processes: cases from a small file, calls from the journal.

Resuming needs only the journal. The file is for display: a run continues where it cannot be written.
"""

import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from unlike.errors import InputError
from unlike.evaluate.running.run_method import JOURNAL, RUN, Progress, write_whole
from unlike.llm.journal import read_prompt

FILE = "progress.json"
INTERVAL_S = 1.0
"""Minimum time between two writes of the file."""


@dataclass(frozen=True, slots=True)
class Calls:
    """LLM calls of one step that a journal holds."""

    step: str
    n_done: int
    n_failed: int
    tokens: int


def with_progress_file(folder: Path, on_progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """A callback that also writes the progress to a file: at most once in ``INTERVAL_S``, and at the end.

    Args:
        folder: Folder of the run or the experiment.
        on_progress: Called after every case.
    """
    next_s = 0.0

    def report(progress: Progress) -> None:
        nonlocal next_s
        on_progress(progress)
        at_end = progress.n_done + progress.n_failed >= progress.n_cases
        if at_end or time.monotonic() >= next_s:
            next_s = time.monotonic() + INTERVAL_S
            with suppress(InputError):  # writing the rows will report a disk that cannot be written to
                write_whole(folder / FILE, json.dumps(asdict(progress)) + "\n")

    return report


def read_progress(folder: Path) -> Progress | None:
    """The progress in the file of a folder; None without a usable file."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Progress(int(found["n_cases"]), int(found["n_done"]), int(found["n_failed"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def journal_of(folder: Path) -> Path | None:
    """The journal of a run: the one that run.json names, else beside its rows, or that of its experiment."""
    folder = folder.resolve()  # "." has no parents
    named: list[Path] = []
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        named.append(Path(json.loads((folder / RUN).read_text(encoding="utf-8"))["journal"]))
    places = [*named, *(up / JOURNAL for up in (folder, folder.parent, folder.parent.parent))]
    return next((path for path in places if path.is_file()), None)


def open_to_read(journal: Path) -> sqlite3.Connection:
    """Open a journal read-only, while another process may write it.

    Raises:
        InputError: It is no journal.
    """
    # Without a write-ahead log no process is writing, and SQLite would create one even for a reader.
    quiet = not journal.with_name(journal.name + "-wal").exists()
    address = f"{journal.resolve().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}"
    try:
        db = sqlite3.connect(address, uri=True, timeout=5, check_same_thread=False)
        db.execute("SELECT 1 FROM calls LIMIT 1")
    except sqlite3.Error as error:
        raise InputError(f"journal {journal} cannot be read: {error}") from error
    return db


def calls_in_journal(journal: Path) -> list[Calls]:
    """The calls answered so far, by step.

    Raises:
        InputError: It is no journal.
    """
    query = """SELECT step, sum(state = 'done'), sum(state = 'failed'), sum(prompt_tokens + completion_tokens)
        FROM calls GROUP BY step ORDER BY min(rowid)"""
    with closing(open_to_read(journal)) as db:
        return [Calls(*row) for row in db.execute(query)]


@dataclass(frozen=True, slots=True)
class SentCall:
    """A call that a journal holds, with its prompt.

    Attributes:
        step: The method's name for it.
        messages: The prompt; None where the journal does not keep prompts.
        answer: The reply, including thoughts; "" where the call failed.
        error: Why it failed.
    """

    step: str
    messages: list[dict[str, str]] | None
    answer: str
    error: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    wall_s: float


def sent_calls(journal: Path, keys: Sequence[str]) -> list[SentCall]:
    """The calls of these keys that a journal holds, in the order in which they were answered.

    Raises:
        InputError: It is no journal, or of a version that kept no prompts.
    """
    marks = ",".join("?" * len(keys))
    query = f"""SELECT step, prompt, text, error, prompt_tokens, completion_tokens, finish_reason, wall_s
        FROM calls WHERE key IN ({marks}) ORDER BY rowid"""
    try:
        with closing(open_to_read(journal)) as db:
            return [SentCall(step, read_prompt(prompt), *rest) for step, prompt, *rest in db.execute(query, list(keys))]
    except (sqlite3.Error, zlib.error) as error:
        raise InputError(f"journal {journal} cannot be read: {error}") from error
