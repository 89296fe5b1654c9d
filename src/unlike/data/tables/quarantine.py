"""Where malformed lines go: a JSONL file of (file, line, reason)."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TextIO


class Quarantine:
    """Malformed lines of any number of files.

    Attributes:
        count: How many there are.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self.count = 0

    def add(self, file: str, lines: Iterable[tuple[int, str]]) -> None:
        """Set lines of a file apart: (line number, reason) each."""
        for number, reason in lines:
            self._file = self._file or self._path.open("w", encoding="utf-8")
            self._file.write(json.dumps({"file": file, "line": number, "reason": reason}, ensure_ascii=False) + "\n")
            self.count += 1

    def __enter__(self) -> "Quarantine":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
