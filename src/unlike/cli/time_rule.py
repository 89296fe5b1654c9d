"""The option ``--time`` of several commands: one of the two time rules."""

from typing import get_args

from unlike.errors import InputError
from unlike.records import TimeRule

RULES: dict[str, TimeRule] = {rule: rule for rule in get_args(TimeRule)}


def time_rule(given: str) -> TimeRule:
    """The time rule that --time names.

    Raises:
        InputError: There is none of that name.
    """
    if given not in RULES:
        raise InputError(f"--time {given!r} is unknown; allowed are {', '.join(RULES)}")
    return RULES[given]
