"""Looking into run folders without reading them whole: which runs there are, their rows by case, what was found.

A run may hold a hundred thousand rows with long traces, so a row is found by its place in the file. What a page lists is
kept of every row; the rest is read when somebody looks at it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from unlike.errors import InputError
from unlike.evaluate.running.run import GENERATIONS, RUN
from unlike.evaluate.statistics.findings import Findings
from unlike.records import Generation

FINDINGS = "report.json"
_FINDINGS = TypeAdapter(Findings)
_ERROR_CHARS = 300
_STATES = ("done", "failed")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run as a list shows it.

    Attributes:
        name: Of the folder; unique in the list.
        folder: Where it lies.
        facts: Its run.json; empty where that cannot be read.
        damage: Why it cannot be read; "" where it can.
    """

    name: str
    folder: Path
    facts: Mapping[str, Any]
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What a list shows of a row.

    Attributes:
        start: Place of its line in the file, in bytes.
        n_words: Of the generated text; None where there is none.
        error: The beginning of the reason, where it failed.
    """

    case_id: str
    user_id: str
    item_id: str
    status: str
    start: int
    n_words: int | None
    error: str


def run_folders(where: Path) -> list[Path]:
    """The run folders at a place: itself, those of an experiment, or those that lie in it side by side."""
    if (where / RUN).is_file() or (where / GENERATIONS).is_file():
        return [where]
    inside = where / "runs" if (where / "runs").is_dir() else where
    return sorted({found.parent for name in (RUN, GENERATIONS) for found in inside.glob(f"*/{name}")})


def list_runs(where: Path) -> list[RunFolder]:
    """All runs at a place; one that cannot be read is there with the reason."""
    return [_listed(folder) for folder in run_folders(where)]


def _listed(folder: Path) -> RunFolder:
    name = folder.resolve().name
    try:
        return RunFolder(name, folder, read_facts(folder))
    except InputError as error:
        return RunFolder(name, folder, {}, str(error))


def read_facts(folder: Path) -> dict[str, Any]:
    """The run.json of a run folder.

    Raises:
        InputError: It is missing or damaged.
    """
    facts = _json_file(folder / RUN)
    wrong = [name for name, kind in (("method", str), ("settings", dict)) if not isinstance(facts.get(name), kind)]
    if wrong:
        raise InputError(f"{RUN} of {folder} is damaged: no usable {', '.join(wrong)}; make the run again")
    return facts


def read_findings(where: Path) -> Findings | None:
    """The findings that an experiment or a report left; None where there are none yet.

    Raises:
        InputError: They are damaged.
    """
    if not (where / FINDINGS).is_file():
        return None
    try:
        return _FINDINGS.validate_python(_json_file(where / FINDINGS))
    except ValidationError as error:
        raise InputError(
            f"{FINDINGS} of {where} holds no findings; make them again with: unlike report {where}"
        ) from error


def _json_file(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except FileNotFoundError as error:
        raise InputError(
            f"no finished run in {path.parent}: {path.name} is missing; finish it with unlike run"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name} of {path.parent} is damaged: {error}; make it again") from error
    if not isinstance(found, dict):
        raise InputError(f"{path.name} of {path.parent} is damaged: it holds no JSON object; make it again")
    return found  # pyright: ignore[reportUnknownVariableType]


class Rows:
    """The rows of a run folder, by case.

    Args:
        folder: Of the run.

    Raises:
        InputError: The file is missing, or a line is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / GENERATIONS
        self.heads = list(_heads(self.path))
        self._places = {head.case_id: place for place, head in enumerate(self.heads)}

    def head(self, case_id: str) -> Head:
        """What a list shows of a case.

        Raises:
            InputError: The run has no such case.
        """
        if case_id not in self._places:
            raise InputError(f"no case {case_id[:80]!r} among {len(self.heads)} of this run; take one from its list")
        return self.heads[self._places[case_id]]

    def around(self, case_id: str) -> tuple[str | None, str | None]:
        """Ids of the cases before and after, in the order of the run."""
        place = self._places[self.head(case_id).case_id]
        before = self.heads[place - 1].case_id if place else None
        return before, self.heads[place + 1].case_id if place + 1 < len(self.heads) else None

    def row(self, case_id: str) -> Generation:
        """A whole row.

        Raises:
            InputError: The run has no such case, or its file has changed since.
        """
        head = self.head(case_id)
        try:
            with self.path.open("rb") as file:
                file.seek(head.start)
                return _generation(file.readline())
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{self.path} has changed while it was read: {error}; look again") from error


def _heads(path: Path) -> Iterator[Head]:
    start = number = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                number += 1
                yield _head(_generation(line), start)
                start += len(line)
    except FileNotFoundError as error:
        raise InputError(
            f"no finished run in {path.parent}: {path.name} is missing; finish it with unlike run"
        ) from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        where = f"line {number} of {path}" if number else str(path)
        raise InputError(f"{where} cannot be read: {error}; make the run again") from error


def _generation(line: bytes) -> Generation:
    row = Generation(**json.loads(line, parse_constant=lambda _: None))
    words = (row.case_id, row.user_id, row.item_id, row.method, row.error, row.text or "", row.reference or "")
    if not all(isinstance(word, str) for word in words) or row.status not in _STATES:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError("it is no row of a run")
    if not isinstance(row.trace, dict):
        raise ValueError("its trace is no object")
    return row


def _head(row: Generation, start: int) -> Head:
    n_words = None if row.text is None else len(row.text.split())
    return Head(row.case_id, row.user_id, row.item_id, row.status, start, n_words, row.error[:_ERROR_CHARS])
