"""Progress of long work: the signatures of its callbacks, and callbacks that show nothing."""

from collections.abc import Callable

OnProgress = Callable[[str, int, int, str], None]
"""Called with the name of the work, units done, units in total, and details for a person."""

Say = Callable[[str], None]
"""Called with one line for a person."""


def no_progress(what: str, n_done: int, n_total: int, details: str = "") -> None:
    """Show nothing."""


def say_nothing(line: str) -> None:
    """Print nothing."""
