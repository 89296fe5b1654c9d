"""What a benchmark says: one line of the table."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measured ratio.

    Attributes:
        what: Is measured.
        against: Compared with what.
        ratio: How many times as good; all figures are from one run.
        reach: What is to be reached.
        facts: What else was measured.
    """

    what: str
    against: str
    ratio: float
    reach: float
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether it is good enough."""
        return self.ratio >= self.reach

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        return f"{self.what}, against {self.against}: {self.ratio:.2f} (to reach {self.reach:g}); {facts}"
