"""The counts after every step of a curation, and the error when a step leaves nothing."""

from dataclasses import asdict, dataclass, field

import polars as pl

from unlike.errors import InputError


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
        missing: How many of the records that were read have no value, by column.
    """

    taken: list[Step] = field(default_factory=list[Step])
    missing: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, name: str, keys: pl.DataFrame, lower: str) -> None:
        """Note what is left.

        Args:
            name: Of the step.
            keys: The records left.
            lower: What to change if there are none.

        Raises:
            InputError: There are none.
        """
        self.note(Step(name, keys["user_id"].n_unique(), keys["item_id"].n_unique(), keys.height), lower)

    def note(self, step: Step, lower: str) -> None:
        """Note a step; raises InputError like ``count``."""
        if step.records == 0:
            before = self.taken[-1] if self.taken else Step("reading", 0, 0, 0)
            raise InputError(
                f"nothing is left after the step {step.step!r}: before it {before.records} records of {before.users} "
                f"users on {before.items} items; lower {lower}, or try the preset small"
            )
        self.taken.append(step)

    def rows(self) -> list[dict[str, object]]:
        """For the manifest."""
        return [asdict(step) for step in self.taken]
