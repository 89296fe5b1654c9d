"""What reading files came to: malformed lines set apart in a JSONL file, values left out, and what was assumed."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from unlike.errors import InputError

FEW_LINES = 10
"""So many malformed lines are never too many."""


class ReadLog:
    """Of any number of files.

    Attributes:
        count: Malformed lines.
        n_cleaned: Texts that markup was taken out of.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Without a path malformed lines are counted only."""
        self._path = path
        self._file: TextIO | None = None
        self._unread: dict[str, tuple[int, str]] = {}
        self._assumed: dict[str, str] = {}
        self._warnings: list[str] = []
        self.count = 0
        self.n_cleaned = 0

    def add(self, file: str, lines: Iterable[tuple[int, str]]) -> None:
        """Set lines of a file apart: (line number, reason) each."""
        for number, reason in lines:
            self.count += 1
            if self._path:
                self._file = self._file or self._path.open("w", encoding="utf-8")
                row = {"file": file, "line": number, "reason": reason}
                self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def unread(self, column: str, n: int, example: str) -> None:
        """Count values of a column that could not be read and are null."""
        before, first = self._unread.get(column, (0, example))
        self._unread[column] = (before + n, first)

    def assume(self, what: str, how: str) -> None:
        """Note as what a file or column was read."""
        self._assumed[what] = how

    def warn(self, message: str) -> None:
        """Note what a person should look at, once."""
        if message not in self._warnings:
            self._warnings.append(message)

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        unread = {name: {"values": n, "such_as": example} for name, (n, example) in self._unread.items()}
        return {"assumed": self._assumed, "unread": unread, "texts_with_markup": self.n_cleaned}

    def warnings(self) -> list[str]:
        """What a person should look at."""
        unread = [f"{n:,} values of {name} cannot be read: {one}" for name, (n, one) in self._unread.items()]
        return [*self._warnings, *unread]

    def why_unread(self, column: str) -> str:
        """An example of what could not be read in a column; empty where there was nothing."""
        return f" that can be read (there is {self._unread[column][1]})" if column in self._unread else ""

    def refuse_unread(self, column: str, n_rows: int, most: float) -> None:
        """Stop where more values of a column could not be read than a slip explains.

        Raises:
            InputError: They are.
        """
        n, example = self._unread.get(column, (0, ""))
        if n > FEW_LINES and n > most * n_rows:
            raise InputError(
                f"{n:,} of {n_rows:,} values of {column} cannot be read, {example} is one (day and month may be "
                "mistaken for each other); name their format, such as --time-format %d/%m/%Y, or --max-malformed 1"
            )

    def close(self) -> None:
        """Write the last lines."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> "ReadLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def refuse_too_many(name: str, reasons: Counter[str], n_usable: int, most: float) -> None:
    """Stop where more lines are malformed than a slip explains.

    Raises:
        InputError: They are.
    """
    bad = reasons.total()
    if bad <= FEW_LINES or bad <= most * (bad + n_usable):
        return
    reason, n = reasons.most_common(1)[0]
    raise InputError(
        f"{name}: {bad:,} of {bad + n_usable:,} lines are malformed, {n:,} of them: {reason}; correct the file or its "
        f"options (--encoding, --delimiter), or read the rest with --max-malformed {min(1.0, bad / (bad + n_usable) + 0.01):.2f}"
    )
