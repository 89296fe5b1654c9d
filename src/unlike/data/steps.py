"""The counts after every step of a curation, and the error when a step leaves nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import polars as pl

from unlike.errors import InputError
from unlike.settings import CurateSettings

ANY = "description_chars"
"""The setting that is a range, or none."""


@dataclass(frozen=True, slots=True)
class Step:
    """How much was left after a step."""

    step: str
    users: int
    items: int
    records: int


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

    def count(self, name: str, keys: pl.DataFrame, *thresholds: str) -> None:
        """Note what is left.

        Args:
            name: Of the step.
            keys: The records left.
            thresholds: Settings that decide how many are.

        Raises:
            InputError: There are none.
        """
        self.note(Step(name, keys["user_id"].n_unique(), keys["item_id"].n_unique(), keys.height), *thresholds)

    def note(self, step: Step, *thresholds: str) -> None:
        """Note a step; raises InputError like ``count``."""
        rule = step.step.partition(",")[0]
        if self.taken:
            self.removed[rule] += self.taken[-1].records - step.records
        self._thresholds[rule] = thresholds
        self.taken.append(step)
        if step.records == 0:
            left = ", ".join(f"{step.records:,} after {step.step!r}" for step in self.taken)
            raise InputError(f"nothing is left; records: {left}. {self._advice()}")

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
        options = [f"--{name.replace('_', '-')} {getattr(self.settings, name)}" for name in self._thresholds[rule]]
        return ", ".join(options) + (", or any" if ANY in self._thresholds[rule] else "")

    def rows(self) -> list[dict[str, object]]:
        """For the manifest."""
        return [asdict(step) for step in self.taken]
