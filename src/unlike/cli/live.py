"""The live line of a run: cases, calls, tokens, failures, time left; where there is no terminal, a line a tenth.

Reading a file and working off a queue have one, too.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.evaluate.running.run import Progress
    from unlike.llm.recorded import LLM

Begin = Callable[[str], "Callable[[Progress], None]"]
"""Starts the line anew under a label; returns what is called after each case."""


@contextmanager
def live_line(console: "Console", llm: "LLM") -> Generator[Begin]:
    """A line that goes when the work is done; where the output is no terminal, a line after each tenth of the cases."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[seen]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, seen="")

        def begin(label: str) -> Callable[["Progress"], None]:
            bar.reset(task, description=label, seen="")
            return on_progress

        def on_progress(progress: "Progress") -> None:
            usage = llm.usage
            seen = f"{usage.n_calls} calls, {usage.prompt_tokens + usage.completion_tokens:,} tokens"
            seen += f", [red]{progress.n_failed} failed[/]" if progress.n_failed else ""
            n, total = progress.n_done + progress.n_failed, progress.n_cases
            bar.update(task, total=total, completed=n, seen=seen)
            if not console.is_terminal and n * 10 // total > (n - 1) * 10 // total:
                console.print(f"{bar.tasks[task].description}: {n} of {total} texts, {seen}", highlight=False)

        yield begin


Report = Callable[[int, int, str], None]
"""Tells how much is done, of how much, and what else was seen."""


@contextmanager
def live_bar(label: str, quiet: bool = False) -> Generator[Report]:
    """A bar on standard error that goes when the work is done; where that is no terminal, a line after each tenth."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, quiet=quiet)
    label_column, seen_column = (
        TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[seen]")
    )
    columns = (label_column, BarColumn(), seen_column, TimeRemainingColumn())
    tenths = 0
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None, seen="")

        def report(done: int, total: int, seen: str) -> None:
            nonlocal tenths
            bar.update(task, total=total, completed=done, seen=seen)
            if not console.is_terminal and done < total and done * 10 // total > tenths:
                tenths = done * 10 // total
                console.print(f"{label}: {tenths * 10} %, {seen}", markup=False, highlight=False)

        yield report
