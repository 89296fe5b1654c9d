"""How many LLM calls work would still make, so that its progress can be counted in calls."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

from unlike.errors import Stopped
from unlike.experiments.watch import Watch
from unlike.llm.forecast import ForecastLLM
from unlike.llm.journal import Journal
from unlike.llm.recorded import LLM
from unlike.sync import wait_for

MAX_ROWS = 200
"""More rows show progress well enough, and going through them twice takes time."""


def calls_left(
    work: Callable[[ForecastLLM], Coroutine[Any, Any, object]], n_rows: int, llm: LLM, file: Path, watch: Watch
) -> int:
    """The number of LLM calls that work would make.

    0 if they are not counted: nobody watches, there are more than ``MAX_ROWS`` rows, or a method fails on placeholder answers.

    Args:
        work: The work, as a function of the LLM that it asks; it is given one that only counts.
        n_rows: Rows that it makes.
        llm: The LLM that will do the work; it is not called.
        file: Its journal, which need not exist.
        watch: Shows progress.
    """
    if not watch.shows_progress or n_rows > MAX_ROWS:
        return 0
    with existing_journal(file) as known:
        asked = ForecastLLM(llm.backend, known)
        try:
            wait_for(work(asked))
        except Stopped:
            raise
        except Exception:  # noqa: BLE001 - a method of one's own may not cope with placeholders; then cases are counted
            return 0
    return asked.usage.n_calls


def existing_journal(path: Path) -> AbstractContextManager[Journal | None]:
    """A journal, which is closed afterwards; None if the file does not exist."""
    return closing(Journal(path)) if path.is_file() else nullcontext()
