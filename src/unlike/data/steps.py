"""The counts after every step of a curation, and the error when a step leaves nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

import polars as pl

from unlike.errors import InputError
from unlike.settings import CurateSettings

ANY = "description_chars"
"""The setting that is a range, or none."""

WITH_CASES = "users with cases"
"""The last step, which removes nothing: the other users stay in the corpus."""


@dataclass(frozen=True, slots=True)
class Step:
    """How much was left after a step."""

    step: str
    users: int
    items: int
    records: int


Leaves = Callable[[CurateSettings], bool]
"""Whether a step leaves any record with these settings."""


@dataclass(slots=True)
class Steps:
    """The steps so far, in order.

    Attributes:
        settings: With the thresholds of the steps.
        taken: The steps.
        missing: How many of the records that were read have no value, by column.
        removed: By name of a rule, whose passes count together, the number of records that it removed.
    """

    settings: CurateSettings
    taken: list[Step] = field(default_factory=list[Step])
    missing: dict[str, int] = field(default_factory=dict[str, int])
    removed: Counter[str] = field(default_factory=Counter[str])
    _thresholds: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def count(self, name: str, keys: pl.DataFrame, *thresholds: str, leaves: Leaves | None = None) -> None:
        """Note what is left.

        Args:
            name: Of the step.
            keys: The records left.
            thresholds: Settings that decide how many are.
            leaves: Whether the step would leave any record with other settings; asked only where it leaves none.

        Raises:
            InputError: There are none.
        """
        step = Step(name, keys["user_id"].n_unique(), keys["item_id"].n_unique(), keys.height)
        self.note(step, *thresholds, leaves=leaves)

    def note(self, step: Step, *thresholds: str, leaves: Leaves | None = None) -> None:
        """Note a step; raises InputError like ``count``."""
        rule = step.step.partition(",")[0]
        if self.taken:
            self.removed[rule] += self.taken[-1].records - step.records
        self._thresholds[rule] = thresholds
        self.taken.append(step)
        if step.records == 0:
            left = ", ".join(f"{step.records:,} after {step.step!r}" for step in self.taken)
            raise InputError(f"nothing is left; records: {left}. {self._advice()}{self._values(rule, leaves)}")

    def _advice(self) -> str:
        """The rules that removed records, in order, with the options that lower them."""
        if not self.removed.total():
            return "The files have no records"
        rules = [f"{rule!r} {n:,} ({self._options(rule)})" for rule, n in self.removed.items() if n]
        advice = "; what the first removed may be why the others removed more" if len(rules) > 1 else ""
        return f"Removed by {', '.join(rules)}: lower these options{advice}"

    def _options(self, rule: str) -> str:
        if not self._thresholds[rule]:
            return "no option: check these columns"
        options = [f"{_flag(name)} {getattr(self.settings, name)}" for name in self._thresholds[rule]]
        return ", ".join(options) + (", or any" if ANY in self._thresholds[rule] else "")

    def _values(self, rule: str, leaves: Leaves | None) -> str:
        """Values of the last rule's options that would leave records there; "" where none would."""
        if leaves is None:
            return ""
        found = leaving(self.settings, self._thresholds[rule], leaves)
        values = " or ".join(" with ".join(f"{_flag(name)} {shown}" for name, shown in one.items()) for one in found)
        return f". {rule!r} removed the last ones: {values} would leave some there" if values else ""

    def rows(self) -> list[dict[str, object]]:
        """For the manifest."""
        return [asdict(step) for step in self.taken]


def leaving(settings: CurateSettings, thresholds: Sequence[str], leaves: Leaves) -> list[dict[str, str]]:
    """Lower thresholds with which a step leaves records, as they are given on the command line.

    Args:
        settings: Those with which it leaves none.
        thresholds: Names of the settings that may be lowered.
        leaves: Whether it leaves any with other settings.

    Returns:
        A choice for each threshold that suffices alone, with its largest such value; where none does, one choice of
        values for all of them together; nothing where that does not suffice either.
    """
    alone = [{name: shown} for name in thresholds if (shown := _lowered(settings, name, leaves))]
    if alone:
        return alone
    lowest = settings
    for name in thresholds:
        lowest = _with(lowest, name, 0)
    if not leaves(lowest):
        return []
    for name in thresholds:
        lowest = _with(lowest, name, _largest(lowest, name, _value(settings, name), leaves))
    return [{name: str(_value(lowest, name)) for name in thresholds}]


def _lowered(settings: CurateSettings, name: str, leaves: Leaves) -> str:
    """The largest lower value of a threshold with which a step leaves records; "" for none."""
    value = _value(settings, name)
    if value and leaves(_with(settings, name, 0)):
        lower = _largest(settings, name, value - 1, leaves)
        return str(lower) if name != ANY else f"{lower}:{(settings.description_chars or (0, 0))[1]}"
    return "any" if name == ANY and leaves(replace(settings, description_chars=None)) else ""


def _largest(settings: CurateSettings, name: str, highest: int, leaves: Leaves) -> int:
    """The largest value up to the highest with which a step leaves records, where it does with 0."""
    low = 0
    while low < highest:
        middle = (low + highest + 1) // 2
        low, highest = (middle, highest) if leaves(_with(settings, name, middle)) else (low, middle - 1)
    return low


def _value(settings: CurateSettings, name: str) -> int:
    value = getattr(settings, name)
    return value[0] if isinstance(value, tuple) else value or 0


def _with(settings: CurateSettings, name: str, value: int) -> CurateSettings:
    """The settings with another value of a threshold; of a range it is the lower end."""
    now = getattr(settings, name)
    return replace(settings, **{name: (value, now[1]) if isinstance(now, tuple) else value})


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
