"""Progress of long work on standard error: a bar in a terminal, elsewhere a line at least every 30 seconds.

Both show the rate and the time left, measured from the first call on, so that work done before does not count.
"""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unlike.progress import OnProgress

if TYPE_CHECKING:
    from rich.console import Console

LINE_S = 30.0
"""Maximum seconds between two lines where there is no terminal."""


@contextmanager
def progress(quiet: bool = False) -> Generator[OnProgress]:
    """A callback that shows progress until the block ends.

    Args:
        quiet: Show nothing.
    """
    from rich.console import Console

    console = Console(stderr=True, quiet=quiet)
    with _bar(console) if console.is_terminal and not quiet else _lines(console) as on_progress:
        yield on_progress


@contextmanager
def _bar(console: "Console") -> Generator[OnProgress]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[seen]}", markup=False),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task, shown = bar.add_task("", total=None, seen=""), ""

        def on_progress(what: str, n_done: int, n_total: int, details: str) -> None:
            nonlocal shown
            if what != shown:  # so that the rate is that of this work
                shown = what
                bar.reset(task, total=n_total, completed=n_done, description=what)
            seen = f"{n_done:,} of {n_total:,}" + (f", {details}" if details else "")
            bar.update(task, total=n_total, completed=n_done, seen=seen)

        yield on_progress


@contextmanager
def _lines(console: "Console") -> Generator[OnProgress]:
    def write(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    lines, is_over = Lines(write), threading.Event()

    def tick() -> None:
        while not is_over.wait(LINE_S / 2):  # also while nothing gets done
            lines.tick()

    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield lines.on_progress
    finally:
        is_over.set()
        ticking.join()


class Lines:
    """Progress as lines: when work begins, unless it is done at once, then every LINE_S / 2 seconds, and when it is done.

    Args:
        write: Prints a line.
        now: The clock, in seconds.
    """

    def __init__(self, write: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._write, self._now = write, now
        self._lock = threading.Lock()
        self._what = ""
        self._state = (0, 0, "")
        self._began = (0.0, 0)
        self._written_s = 0.0
        self._written: int | None = None

    def on_progress(self, what: str, n_done: int, n_total: int, details: str) -> None:
        """Update the state, and write a line where one is due."""
        with self._lock:
            is_new = what != self._what
            self._state = (n_done, n_total, details)
            if is_new:
                self._what, self._began, self._written_s = what, (self._now(), n_done), self._now()
                self._written = None
            is_over = n_done >= n_total
            ends = is_over and self._written not in (None, n_done)
            if ends or (is_new and not is_over) or self._now() - self._written_s >= LINE_S / 2:
                self._print()

    def tick(self) -> None:
        """Write a line where the last one is too old."""
        with self._lock:
            n_done, n_total, _ = self._state
            if self._what and n_done < n_total and self._now() - self._written_s >= LINE_S / 2:
                self._print()

    def _print(self) -> None:
        self._written_s = self._now()
        n_done, n_total, details = self._state
        self._written = n_done
        parts = [f"{self._what}: {n_done:,} of {n_total:,}", details, self._rate()]
        self._write(", ".join(filter(None, parts)))

    def _rate(self) -> str:
        n_done, n_total, _ = self._state
        began_s, n_before = self._began
        elapsed_s, n_new = self._now() - began_s, n_done - n_before
        if elapsed_s < 1:
            return ""
        if n_new <= 0:
            return f"{duration(round(elapsed_s))} elapsed"
        per_s = n_new / elapsed_s
        rate = f"{per_s:,.1f} per second" if per_s >= 1 else f"{per_s * 60:,.1f} per minute"
        return f"{rate}, {duration(round((n_total - n_done) / per_s))} left" if n_done < n_total else rate


def duration(seconds: int) -> str:
    """A time span as a person reads it."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
