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
MIN_DONE = 3
"""Units to be done before a time left is shown."""
SHORT_S = 5.0
"""Shorter pauses are not reported."""


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
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    pace = Pace(time.monotonic)

    class PaceColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(str(pace))

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[seen]}", markup=False),
    )
    with Progress(*columns, PaceColumn(), console=console, transient=True) as bar:
        task, shown = bar.add_task("", total=None, seen=""), ""

        def on_progress(what: str, n_done: int, n_total: int, details: str) -> None:
            nonlocal shown, pace
            if what != shown:  # so that the rate is that of this work
                shown, pace = what, Pace(time.monotonic, n_done)
                bar.reset(task, total=n_total, completed=n_done, description=what)
            pace.update(n_done, n_total)
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


class Pace:
    """How fast one kind of work goes and how long its rest takes.

    A time left is given once ``MIN_DONE`` units are done, and not while a unit takes longer than every one before it.

    Args:
        now: The clock, in seconds.
        n_done: Units that were done before.
    """

    def __init__(self, now: Callable[[], float], n_done: int = 0) -> None:
        self._now, self._n_before = now, n_done
        self._began_s = self._last_s = now()
        self._longest_s = 0.0
        self.n_done, self.n_total = n_done, n_done

    def update(self, n_done: int, n_total: int) -> None:
        """Note how much is done."""
        if n_done > self.n_done:
            self._longest_s, self._last_s = max(self._longest_s, self._now() - self._last_s), self._now()
        self.n_done, self.n_total = n_done, n_total

    def __str__(self) -> str:
        elapsed_s, waited_s, n_new = (
            self._now() - self._began_s,
            self._now() - self._last_s,
            self.n_done - self._n_before,
        )
        if elapsed_s < 1:
            return ""
        if n_new <= 0:
            return f"{duration(elapsed_s)} elapsed"
        mean_s = (self._last_s - self._began_s) / n_new
        left_s = mean_s * (self.n_total - self.n_done) - waited_s
        if self.n_done < self.n_total and (waited_s > max(self._longest_s, SHORT_S) or left_s < 0):
            return f"none finished for {duration(waited_s)}"
        per_s = n_new / elapsed_s if mean_s == 0 else 1 / mean_s
        rate = f"{per_s:,.1f} per second" if per_s >= 1 else f"{per_s * 60:,.1f} per minute"
        has_basis = self.n_done < self.n_total and n_new >= MIN_DONE
        return f"{rate}, {duration(left_s)} left" if has_basis else rate


class Lines:
    """Progress as lines: when something is done, unless all is done at once, then every LINE_S / 2 seconds and at the end.

    Args:
        write: Prints a line.
        now: The clock, in seconds.
    """

    def __init__(self, write: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._write, self._now = write, now
        self._lock = threading.Lock()
        self._what, self._details = "", ""
        self._pace = Pace(now)
        self._written_s = 0.0
        self._written: int | None = None

    def on_progress(self, what: str, n_done: int, n_total: int, details: str) -> None:
        """Update the state, and write a line where one is due."""
        with self._lock:
            if what != self._what:
                self._what, self._pace = what, Pace(self._now, n_done)
                self._written_s, self._written = self._now(), None
            self._pace.update(n_done, n_total)
            self._details = details
            begins = self._written is None and 0 < n_done < n_total
            ends = self._written not in (None, n_done) and n_done >= n_total
            if begins or ends or self._now() - self._written_s >= LINE_S / 2:
                self._print()

    def tick(self) -> None:
        """Write a line where the last one is too old."""
        with self._lock:
            if self._what and self._pace.n_done < self._pace.n_total and self._now() - self._written_s >= LINE_S / 2:
                self._print()

    def _print(self) -> None:
        self._written_s, self._written = self._now(), self._pace.n_done
        parts = [f"{self._what}: {self._pace.n_done:,} of {self._pace.n_total:,}", self._details, str(self._pace)]
        self._write(", ".join(filter(None, parts)))


def duration(seconds: float) -> str:
    """A time span as a person reads it."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
