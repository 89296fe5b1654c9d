"""Progress of long work: the signatures of its callbacks, callbacks that show nothing, and how counts are worded."""

from collections.abc import Callable

OnProgress = Callable[[str, int, int, str], None]
"""Called with the name of the work, units done, units in total, and details for a person."""

Say = Callable[[str], None]
"""Called with one line for a person."""


def no_progress(what: str, n_done: int, n_total: int, details: str = "") -> None:
    """Show nothing."""


def say_nothing(line: str) -> None:
    """Print nothing."""


def n_of(n: int, noun: str) -> str:
    """A count: "1 record", "2,000 records"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
