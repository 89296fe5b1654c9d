"""What a benchmark says: one line of the table."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
        what: Is measured.
        against: Compared with what; "" where it stands for itself.
        value: The figure, mostly how many times as good as the other side; None where it was not measured here.
        reach: What is to be reached; None where it is only measured.
        unit: Of both.
        at_most: Whether less is better.
        facts: What else was measured, and what the figure depends on.
        why_not: Why it was not measured here.
        failed: Whether that is a fault, such as two sides that did not agree.
    """

    what: str
    against: str
    value: float | None
    reach: float | None = None
    unit: str = "x"
    at_most: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    why_not: str = ""
    failed: bool = False

    @property
    def reached(self) -> bool | None:
        """Whether it is good enough; None where there is nothing to say."""
        if self.value is None or self.reach is None:
            return None
        return self.value <= self.reach if self.at_most else self.value >= self.reach

    @property
    def measured(self) -> str:
        """The figure in words."""
        return self.why_not if self.value is None else f"{self.value:.3g} {self.unit}"

    @property
    def wanted(self) -> str:
        """What is to be reached in words."""
        return "" if self.reach is None else f"{'<=' if self.at_most else '>='} {self.reach:g} {self.unit}"
