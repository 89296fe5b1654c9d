"""Texts to score, out of a run folder or a JSONL file: which have a text, which failed, whose they are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from unlike.errors import InputError

_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class ScoredText:
    """A generated text and the real one beside it ("" where no metric asks for it)."""

    case_id: str
    text: str
    reference: str


@dataclass(slots=True)
class TextsOfMethod:
    """What one method wrote in one run, while the file is read."""

    run: str
    method: str
    split: str
    done: list[ScoredText] = field(default_factory=list[ScoredText])
    n_failed: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    line: int

    def wrong(self, what: str) -> InputError:
        return InputError(f"{self.path}, line {self.line}: {what}")


def read_texts(path: Path, with_reference: bool = True) -> list[TextsOfMethod]:
    """The texts of a run folder or a JSONL file, by method in order of appearance.

    Args:
        path: A folder with generations.jsonl (and run.json), or a file with a JSON object a line: ``text`` (null
            where it failed), ``reference``, and where there are any ``case_id``, ``method``, ``split``, ``status``.
        with_reference: Whether every text must have a real text beside it.

    Raises:
        InputError: It is missing, empty, broken, or lacks what is needed; the message names the line.
    """
    file, facts = (path / "generations.jsonl", _facts(path)) if path.is_dir() else (path, {})
    run = path.resolve().name if path.is_dir() else path.stem
    methods: dict[str, TextsOfMethod] = {}
    seen: set[tuple[str, str]] = set()
    for place, row in _rows(file):
        method = str(row.get("method") or facts.get("method") or run)
        case_id = str(row.get("case_id") or place.line)
        if (method, case_id) in seen:
            raise place.wrong(f"case_id {case_id!r} is there twice; a method has one row a case; remove one")
        seen.add((method, case_id))
        split = str(row.get("split") or facts.get("split") or "")
        texts = methods.setdefault(method, TextsOfMethod(run, method, split))
        _add(texts, place, case_id, row, with_reference)
    if not methods:
        raise InputError(f"{file} holds no generation; a JSON object a line is needed; was the run ended?")
    return list(methods.values())


def _add(texts: TextsOfMethod, place: _Place, case_id: str, row: Mapping[str, Any], with_reference: bool) -> None:
    if "text" not in row:
        raise place.wrong(f"no key 'text': there are {', '.join(map(str, row)) or 'none'}; null means failed")
    if row["text"] is None or row.get("status") == "failed":
        texts.n_failed += 1
        return
    text, reference = row["text"], row.get("reference")
    if not isinstance(text, str):
        raise place.wrong(f"'text' is {_shown(text)}; allowed are a string, and null where it failed")
    if with_reference and not isinstance(reference, str):
        raise place.wrong(f"'reference' is {_shown(reference)}; a string is needed, the real text to compare with")
    texts.done.append(ScoredText(case_id, text, reference if isinstance(reference, str) else ""))


def _rows(file: Path) -> Iterator[tuple[_Place, Mapping[str, Any]]]:
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _Place(file, number), _row(_Place(file, number), line)
    except FileNotFoundError as error:
        raise InputError(f"no generations: {file} does not exist; name a run folder or a JSONL file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}; a UTF-8 text file with JSON lines is needed") from error


def _row(place: _Place, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise place.wrong(f"not JSON ({error}): {_shown(line)}; mend or remove the line") from error
    if not isinstance(row, dict):
        raise place.wrong(f"not a JSON object: {_shown(row)}; 'text' and 'reference' are needed")
    return cast("dict[str, Any]", row)


def _facts(folder: Path) -> Mapping[str, Any]:
    """What run.json says; a folder with generations alone is scored too."""
    try:
        facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'run.json'} cannot be read: {error}; start the run again") from error
    return cast("dict[str, Any]", facts) if isinstance(facts, dict) else {}


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARS else shown[: _SHOWN_CHARS - 1] + "…"
