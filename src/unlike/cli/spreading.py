"""``--engine`` of the commands that work on a whole corpus: in this process, or on the workers of a Ray cluster."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.cli.live import live_line

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.evaluate.running.run import Progress
    from unlike.llm.recorded import LLM
    from unlike.spread.methods import Supplies
    from unlike.spread.runs import Spread

HELP = "local; ray: processors here, or RAY_ADDRESS; ray:WORKERS; ray://HOST:PORT of a cluster's head."


def spread_of(engine: str, journal: Path, supplies: "Supplies", keep_prompts: bool = True) -> "Spread | None":
    """Where work goes by ``--engine``; None for this process. What a killed run left in parts joins the journal.

    Raises:
        InputError: There is no such engine, or the journal cannot be used.
        MissingPart: Ray is not installed.
    """
    from unlike.spread.engine import import_ray, read_engine
    from unlike.spread.keeper import merge_parts
    from unlike.spread.runs import Spread

    chosen = read_engine(engine)
    if chosen:
        import_ray()
    merge_parts(journal)
    return Spread(supplies, chosen, journal, keep_prompts=keep_prompts) if chosen else None


@contextmanager
def begun(
    console: "Console", label: str, llm: "LLM", spread: "Spread | None", out: Path
) -> "Generator[tuple[Callable[[Progress], None], Spread | None]]":
    """A live line: what is called after each case here, and the spread work that calls it there.

    How far the work is stands in ``out`` too, for whoever looks on.
    """
    from unlike.evaluate.running.progress import told

    counted = spread.tally if spread else llm  # of an LLM, the line reads only the usage
    with live_line(console, counted) as begin:  # pyright: ignore[reportArgumentType]
        on_progress = told(out, begin(label))
        yield on_progress, replace(spread, on_progress=on_progress) if spread else None
