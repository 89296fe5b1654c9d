"""Reads the texts to score from a run folder or any table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from unlike.data.tables.rows import Row, read_rows, shown
from unlike.errors import InputError
from unlike.progress import n_of

_SHOWN_IDS = 3
NAMES = ("text", "reference", "case_id", "method", "split", "status")


@dataclass(frozen=True, slots=True)
class ScoredText:
    """A generated text and the real ones beside it (none where no metric asks for them)."""

    case_id: str
    text: str
    references: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The first real text."""
        return self.references[0] if self.references else ""


@dataclass(slots=True)
class TextsOfMethod:
    """What one method wrote in one run, while the file is read.

    Attributes:
        without: By reason: ids of the cases that are not scored.
        n_lacking: Cases with a real text in the table of references and no row.
    """

    run: str
    method: str
    split: str
    done: list[ScoredText] = field(default_factory=list[ScoredText])
    without: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    n_lacking: int = 0

    @property
    def n_failed(self) -> int:
        """Cases that are not scored."""
        return sum(map(len, self.without.values()))

    def notes(self) -> list[str]:
        """Why cases are not scored, with the first ids, and how many references have no row."""
        found = [f"{n_of(len(ids), 'case')} {why}: {_first(ids)}" for why, ids in self.without.items()]
        if self.n_lacking:
            found.append(f"{n_of(self.n_lacking, 'reference')} without a row here")
        return found


def _first(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_SHOWN_IDS]) + (", …" if len(ids) > _SHOWN_IDS else "")


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a table of texts.

    Attributes:
        columns: The table's name of each column that is not named as in NAMES.
        references: Real texts by case id, from another table.
        with_reference: Whether every text must have a real text beside it.
    """

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    references: Mapping[str, tuple[str, ...]] | None = None
    with_reference: bool = True

    def case_id(self, row: Row) -> str | None:
        """The id of a row's case: its case_id, or its id where it has none; None where it has neither."""
        own = self.of(row, "case_id")
        found = row.values.get("id") if own is None else own
        return None if found is None else str(found)

    def of(self, row: Row, name: str) -> Any:  # noqa: ANN401 - a row holds parsed JSON
        """A row's value under one of our names."""
        return row.values.get(self.columns.get(name, name))


DEFAULT_FORM = Form()
"""All columns have our names."""


def mapped(columns: Mapping[str, str]) -> Form:
    """A form with these columns.

    Raises:
        InputError: A name is not one of ours.
    """
    if unknown := [name for name in columns if name not in NAMES]:
        raise InputError(f"unknown column to map: {', '.join(unknown)}; allowed are {', '.join(NAMES)}")
    return Form(columns)


def read_references(path: Path, columns: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Real texts by case id: columns case_id (or id) and reference (or output).

    Raises:
        InputError: A row has no case id, or a reference that is not text.
    """
    form = Form({"reference": "output"} | dict(columns))
    found: dict[str, tuple[str, ...]] = {}
    for row in read_rows(path):
        case_id = form.case_id(row)
        if case_id is None:
            raise row.wrong(f"no case id: there are {', '.join(row.values)}; name it: --map case_id=NAME")
        found[case_id] = _references(row, form.of(row, "reference") or row.values.get("reference"))
    return found


def read_texts(path: Path, form: Form, run: str = "") -> list[TextsOfMethod]:
    """The texts of a run folder or a table, by method in order of appearance.

    A text whose real text is missing is counted as failed.

    Args:
        path: A folder with generations.jsonl (and run.json), or any table: ``text`` (null where it failed),
            ``reference`` (one or a list of them), and where there are any ``case_id`` (or ``id``), ``method``, ``split``,
            ``status``.
        form: The table's names for these; those of a run folder are ours.
        run: Name of the run; that of the folder or file where it is empty.

    Raises:
        InputError: It is missing, empty, broken, or lacks what is needed; the message names the line.
    """
    file, facts = _file_of(path)
    if file != path:
        form = replace(form, columns={})  # a run folder has our names
    run = run or (path.resolve().name if path.is_dir() else path.stem)
    methods: dict[str, TextsOfMethod] = {}
    seen: set[tuple[str, str]] = set()
    first_without: Row | None = None
    for number, row in enumerate(_rows(file, form), 1):
        method = str(form.of(row, "method") or facts.get("method") or run)
        case_id = form.case_id(row) or str(number)  # lines are numbered anew in each file of a folder
        if (method, case_id) in seen:
            raise row.wrong(f"case_id {case_id!r} occurs twice; a method has one row per case; remove one")
        seen.add((method, case_id))
        split = str(form.of(row, "split") or facts.get("split") or "")
        texts = methods.setdefault(method, TextsOfMethod(run, method, split))
        if not _add(texts, row, case_id, form):
            first_without = first_without or row
    for method, texts in methods.items():
        texts.n_lacking = len((form.references or {}).keys() - {case_id for of, case_id in seen if of == method})
    if not methods:
        raise InputError(f"{file} holds no generation; one row per generation is needed; did the run finish?")
    if first_without and not any(texts.done for texts in methods.values()):
        name = form.columns.get("reference", "reference")
        seen_value = shown(form.of(first_without, "reference"))
        raise first_without.wrong(f"{name!r} is {seen_value}; a string is needed, the real text; --map reference=NAME")
    return list(methods.values())


def _file_of(path: Path) -> tuple[Path, Mapping[str, Any]]:
    """The table, and the content of run.json."""
    if not path.is_dir() or not (path / "generations.jsonl").is_file():
        if not path.exists():
            raise InputError(f"no generations: {path} does not exist; name a run folder or a table")
        if any(path.glob("runs/*/run.json")):
            raise InputError(f"{path} is the folder of an experiment; give its runs: {path / 'runs'}/*")
        return path, {}
    return path / "generations.jsonl", _facts(path)


def _rows(file: Path, form: Form) -> Iterator[Row]:
    """The rows; a row of LaMP has its "id" as case id and its "output" as text."""
    for row in read_rows(file):
        if "text" not in form.columns and {"id", "output"} <= set(row.values) and "text" not in row.values:
            yield replace(row, values={"case_id": row.values["id"], "text": row.values["output"], **row.values})
        else:
            yield row


def _add(texts: TextsOfMethod, row: Row, case_id: str, form: Form) -> bool:
    """Add a row; False where it counts as failed because it has no real text."""
    text_name = form.columns.get("text", "text")
    if text_name not in row.values:
        names = ", ".join(map(str, row.values)) or "none"
        raise row.wrong(f"no key {text_name!r}: there are {names}; null means failed; --map text=NAME")
    text = row.values[text_name]
    if text is None or form.of(row, "status") == "failed":
        texts.without.setdefault("without a text", []).append(case_id)
        return True
    if not isinstance(text, str):
        raise row.wrong(f"{text_name!r} is {shown(text)}; allowed are a string, and null where it failed")
    real = _references(row, form.of(row, "reference")) if form.references is None else form.references.get(case_id, ())
    if form.with_reference and not real:
        unknown = form.references is not None and case_id not in form.references
        why = "not in the references" if unknown else "without a real text"
        texts.without.setdefault(why, []).append(case_id)
        return False
    texts.done.append(ScoredText(case_id, text, real))
    return True


def _references(row: Row, value: object) -> tuple[str, ...]:
    """The real texts in a value of a row.

    Raises:
        InputError: It holds something else.
    """
    if value is None or isinstance(value, str):
        return () if value is None else (value,)
    texts = tuple(cast("Sequence[object]", value)) if isinstance(value, Sequence) else (value,)
    if not all(isinstance(text, str) for text in texts):
        raise row.wrong(f"'reference' is {shown(value)}; a string or a list of them is needed, the real text")
    return cast("tuple[str, ...]", texts)


def _facts(folder: Path) -> Mapping[str, Any]:
    """The content of run.json; empty without one."""
    try:
        facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'run.json'} cannot be read: {error}; start the run again") from error
    return cast("dict[str, Any]", facts) if isinstance(facts, dict) else {}
