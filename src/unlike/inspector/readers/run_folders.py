"""Run folders, read in parts: the list of runs, their rows by case, the findings.

A run may have a hundred thousand rows with long traces, so a row is found by its offset in the file. The columns of lists
are kept in memory for every row; the rest of a row is read when it is shown.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from unlike.errors import InputError
from unlike.evaluate.running.run_method import GENERATIONS, RUN, no_run
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
        folder: The folder.
        facts: Its run.json; empty where it cannot be read.
        damage: Why it cannot be read; "" where it can.
    """

    name: str
    folder: Path
    facts: Mapping[str, Any]
    damage: str = ""


@dataclass(frozen=True, slots=True)
class RowSummary:
    """The columns of a row that lists show.

    Attributes:
        start: Offset of its line in the file, in bytes.
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
    """The run folders of a path: itself, those of an experiment, or its subfolders."""
    if (where / RUN).is_file() or (where / GENERATIONS).is_file():
        return [where]
    inside = where / "runs" if (where / "runs").is_dir() else where
    return sorted({found.parent for name in (RUN, GENERATIONS) for found in inside.glob(f"*/{name}")})


def list_runs(where: Path) -> list[RunFolder]:
    """All runs of a path; those that cannot be read have a reason."""
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
        raise no_run(path.parent, path.name) from error
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
        self.summaries = list(_summaries(self.path))
        self._places = {summary.case_id: place for place, summary in enumerate(self.summaries)}

    def summary(self, case_id: str) -> RowSummary:
        """The summary of a case.

        Raises:
            InputError: The run has no such case.
        """
        if case_id not in self._places:
            raise InputError(
                f"no case {case_id[:80]!r} among {len(self.summaries)} of this run; take one from its list"
            )
        return self.summaries[self._places[case_id]]

    def around(self, case_id: str) -> tuple[str | None, str | None]:
        """Ids of the cases before and after, in the order of the run."""
        place = self._places[self.summary(case_id).case_id]
        before = self.summaries[place - 1].case_id if place else None
        return before, self.summaries[place + 1].case_id if place + 1 < len(self.summaries) else None

    def row(self, case_id: str) -> Generation:
        """A whole row.

        Raises:
            InputError: The run has no such case, or its file has changed since.
        """
        summary = self.summary(case_id)
        try:
            with self.path.open("rb") as file:
                file.seek(summary.start)
                return _generation(file.readline())
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{self.path} has changed while it was read: {error}; look again") from error


def _summaries(path: Path) -> Iterator[RowSummary]:
    start = number = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                number += 1
                yield _summary(_generation(line), start)
                start += len(line)
    except FileNotFoundError as error:
        raise no_run(path.parent, path.name) from error
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


def _summary(row: Generation, start: int) -> RowSummary:
    n_words = None if row.text is None else len(row.text.split())
    return RowSummary(row.case_id, row.user_id, row.item_id, row.status, start, n_words, row.error[:_ERROR_CHARS])
