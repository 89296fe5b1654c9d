"""Rows of any table, uncast, for tables whose columns are not known beforehand."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

import polars as pl

from unlike.data.tables import delimited, jsonl
from unlike.data.tables.encoding import Encoding
from unlike.data.tables.fields import DEFAULT_READING
from unlike.data.tables.log import ReadLog
from unlike.data.tables.opening import TableFile, files_of, reading
from unlike.errors import InputError, MissingPart, how_to_install

_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Row:
    """A row and its place in the file."""

    file: str
    line: int
    values: Mapping[str, Any]

    def wrong(self, what: str) -> InputError:
        """An error that names the row and its fault."""
        return InputError(f"{self.file}, line {self.line}: {what}")


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table in any format, or of a folder that ``datasets`` saved.

    An object that contains a list of objects, such as {"golds": [...]}, is read as that list.

    Raises:
        InputError: There is no such table, or a line of it cannot be read.
    """
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        yield from _saved(path)
        return
    log = ReadLog()
    for found in files_of(path):
        file = replace(found, name=str(path) if path.is_file() else f"{path}/{found.name}")
        with reading(file.name):
            if file.path.stat().st_size == 0:
                continue
            form = file.format
            if form == "parquet":
                rows = enumerate(pl.read_parquet(file.path).iter_rows(named=True), 1)
                yield from (Row(file.name, number, row) for number, row in rows)
            else:
                read = _from_json if form == "jsonl" else _from_csv
                yield from read(file, Encoding(file, DEFAULT_READING, log))


def _from_json(file: TableFile, encoding: Encoding) -> Iterator[Row]:
    whole = jsonl.elements(file, encoding)
    if whole is not None:
        for number, element in enumerate(whole, 1):
            yield _object(file, number, element)
        return
    lines = chain.from_iterable(jsonl.chunks(file, encoding))
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _object(file, number, _decoded(file, number, jsonl.in_utf8(line, encoding)))


def _decoded(file: TableFile, number: int, line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise InputError(f"{file.name}, line {number}: not JSON ({error}); correct or remove the line") from error


def _object(file: TableFile, number: int, element: object) -> Row:
    if not isinstance(element, dict):
        raise InputError(f"{file.name}, line {number}: not a JSON object: {shown(element)}")
    return Row(file.name, number, cast("dict[str, Any]", element))


def _from_csv(file: TableFile, encoding: Encoding) -> Iterator[Row]:
    with file.open() as opened:
        lines = delimited.Lines(encoding.lines(opened))
        delimiter = delimited.best_delimiter(file, lines.first.count)
        names, rows = delimited.header_and_rows(file, lines, delimiter)
        for number, row in rows:
            if isinstance(row, str):
                raise InputError(f"{file.name}, line {number}: {row}; correct or remove the line")
            yield Row(file.name, number, {name: cell or None for name, cell in zip(names, row, strict=True)})


def _saved(folder: Path) -> Iterator[Row]:
    try:
        import datasets
    except ImportError as error:
        raise MissingPart(f"the datasets library is not installed; {how_to_install('hub')}") from error
    loaded: Any = datasets.load_from_disk(str(folder))
    parts = loaded.items() if isinstance(loaded, dict) else [("", loaded)]
    for name, rows in parts:
        for number, row in enumerate(rows, 1):
            yield Row(f"{folder.name}{name and f', split {name}'}", number, row)


def shown(value: object) -> str:
    """A value, shortened, for a message."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
