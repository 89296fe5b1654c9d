"""What was found while files were read: malformed lines, values that cannot be read, assumptions and warnings."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from unlike.errors import InputError
from unlike.progress import n_of
from unlike.settings import as_list

TOLERATED = 10
"""Up to this many malformed lines or values are never an error."""

EITHER_ORDER = "either order"
"""The fault of a date in which day and month may be in either order."""
_DATE_PARTS = (
    (r"\d{4}", "%Y"), (r"\d{1,2}:\d{2}:\d{2}", "%H:%M:%S"), (r"\d{1,2}:\d{2}", "%H:%M"), (r"\d{1,2}", "%d"), (r"\d{1,2}", "%m")
)  # fmt: skip
"""Parts of a date with the day first, in the order in which they are recognised."""

BadLines = list[tuple[int, str]]
"""(line number, reason) of malformed lines."""


class ReadLog:
    """The log of any number of files. Malformed lines are written to a JSONL file.

    Attributes:
        count: Malformed lines.
        n_cleaned: Texts from which markup was removed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Without a path malformed lines are only counted."""
        self._path = path
        self._file: TextIO | None = None
        self._unreadable: dict[str, dict[str, tuple[int, str]]] = {}
        self._orders: dict[str, dict[str, str]] = {}
        self._assumed: dict[str, str] = {}
        self._warnings: list[str] = []
        self.count = 0
        self.n_cleaned = 0

    def add(self, file: str, lines: Iterable[tuple[int, str]]) -> None:
        """Write malformed lines of a file, each as (line number, reason)."""
        for number, reason in lines:
            self.count += 1
            if self._path:
                self._file = self._file or self._path.open("w", encoding="utf-8")
                row = {"file": file, "line": number, "reason": reason}
                self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def add_unreadable(self, column: str, n: int, example: str, fault: str = "") -> None:
        """Count values of a column that cannot be read, by fault; they are null in what was read."""
        of_column = self._unreadable.setdefault(column, {})
        before, first = of_column.get(fault, (0, example))
        of_column[fault] = (before + n, first)

    def see_order(self, column: str, order: str, example: str) -> None:
        """Note that a date of a column shows an order of day and month, or could have either."""
        self._orders.setdefault(column, {}).setdefault(order, example)

    def orders(self, column: str) -> dict[str, str]:
        """The orders of day and month that a column shows, each with an example."""
        return self._orders.get(column, {})

    def assume(self, what: str, how: str) -> None:
        """Note how a file or column was interpreted."""
        self._assumed[what] = how

    def warn(self, message: str) -> None:
        """Add a warning for the user; the same one only once."""
        if message not in self._warnings:
            self._warnings.append(message)

    def facts(self) -> dict[str, Any]:
        """What the manifest keeps of the log."""
        unreadable = {
            name: {"values": sum(n for n, _ in faults.values()), "example": next(iter(faults.values()))[1]}
            for name, faults in self._unreadable.items()
        }
        return {"assumed": self._assumed, "unreadable": unreadable, "texts_with_markup": self.n_cleaned}

    def warnings(self) -> list[str]:
        """All warnings, and how many values of each column cannot be read."""
        return [*self._warnings, *self.unreadable()]

    def unreadable(self) -> list[str]:
        """How many values of each column cannot be read, with an example of each fault."""
        return [
            f"{n_of(n, 'value')} of {name} {_fault(fault, n, example)}"
            for name, faults in self._unreadable.items()
            for fault, (n, example) in faults.items()
        ]

    def example_of_unreadable(self, column: str) -> str:
        """A value of a column that cannot be read; empty where all can."""
        if column in self._unreadable:
            return next(iter(self._unreadable[column].values()))[1]
        either = self.orders(column).get(EITHER_ORDER)
        return f"{either!r}, in which day and month may be in either order" if either else ""

    def check_times(self, column: str, n_rows: int, max_share: float, form: Sequence[str] | str) -> None:
        """Check that no more than the allowed share of times cannot be read.

        Args:
            column: Of the times.
            n_rows: Number of its rows.
            max_share: The allowed share.
            form: The formats that the user gave; empty where they are recognised.

        Raises:
            InputError: More cannot be read.
        """
        faults = self._unreadable.get(column, {})
        n = sum(of_fault for of_fault, _ in faults.values())
        if not _too_many(n, n_rows, max_share):
            return
        fault, (_, example) = max(faults.items(), key=lambda one: one[1][0])
        why = "in which day and month may be in either order" if fault == EITHER_ORDER else "of no known format"
        given = " or ".join(repr(one) for one in as_list(form) if one)
        why = f"not of the format {given}" if given else why
        raise InputError(
            f"{n:,} of {n_rows:,} values of {column} cannot be read, such as {example}, {why}; give their format, such as "
            f"--time-format '{day_first(example)}' (--max-malformed 1 would leave these records out)"
        )

    def close(self) -> None:
        """Close the file of malformed lines."""
        if self._file is not None:
            self._file.close()


def check_malformed(name: str, reasons: Counter[str], n_usable: int, max_share: float) -> None:
    """Check that no more than the allowed share of lines is malformed.

    Raises:
        InputError: More are malformed.
    """
    bad = reasons.total()
    total = bad + n_usable
    if not _too_many(bad, total, max_share):
        return
    reason, n = reasons.most_common(1)[0]
    raise InputError(
        f"{name}: {bad:,} of {total:,} lines are malformed, {n:,} of them: {reason}; correct the file or its "
        f"options (--encoding, --delimiter), or read the rest with --max-malformed {min(1.0, bad / total + 0.01):.2f}"
    )


def _too_many(n: int, total: int, max_share: float) -> bool:
    return n > TOLERATED and n > max_share * total


def _fault(fault: str, n: int, example: str) -> str:
    if fault != EITHER_ORDER:
        return f"cannot be read{', such as' if n > 1 and not fault else ':'} {example}"
    return (
        f"could be day or month first, such as {example}, and {'is' if n == 1 else 'are'} not read; if the day comes first, "
        f"give --time-format '{day_first(example)}'"
    )


def day_first(example: str) -> str:
    """The --time-format of a date that begins with the day, with the separators of an example."""
    for part, form in _DATE_PARTS:
        example = re.sub(part, form, example, count=1)
    found = re.search(r"%d\W%m\W%Y( %H:%M(:%S)?)?", example)
    return found[0] if found else "%d/%m/%Y"
