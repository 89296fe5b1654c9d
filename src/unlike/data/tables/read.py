"""One door to every table: any format in, typed batches out, malformed lines into quarantine."""

import gzip
import io
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, cast

import polars as pl

from unlike.data.tables import delimited, jsonl, parquet
from unlike.data.tables.fields import Field, typed
from unlike.data.tables.quarantine import Quarantine
from unlike.errors import InputError

FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet",
}  # fmt: skip


def read_table(path: Path, fields: Sequence[Field], quarantine: Quarantine) -> Iterator[pl.DataFrame]:
    """Read a table, or all tables of a folder in the order of their names.

    Args:
        path: JSONL, CSV or TSV (each plain or .gz), Parquet, or a folder of them.
        fields: The columns wanted.
        quarantine: Takes the malformed lines.

    Yields:
        Frames with one column a field, cast to its kind; only usable lines.

    Raises:
        InputError: The file is missing, damaged, lacks a column, or has no usable line.
    """
    for file in files_of(path):
        with reading(file):
            yield from _usable(file, fields, quarantine)


def files_of(path: Path) -> list[Path]:
    """The tables at a path.

    Raises:
        InputError: There are none, or of no known format.
    """
    if not path.exists():
        raise InputError(f"no such file: {path}; give the path of a {', '.join(FORMATS)} file or a folder of them")
    files = [path] if path.is_file() else sorted(f for f in path.iterdir() if f.is_file() and format_of(f))
    if not files or not all(format_of(file) for file in files):
        raise InputError(f"{path.name} is no table by its name; allowed are {', '.join(FORMATS)} and .gz of the texts")
    return files


def format_of(path: Path) -> str | None:
    """The format a file's name stands for: jsonl, csv, tsv, parquet or None."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes[-1:] == [".gz"]:
        return FORMATS.get(suffixes[0]) if suffixes[0] != ".parquet" else None
    return FORMATS.get(suffixes[-1]) if suffixes else None


@contextmanager
def reading(file: Path) -> Generator[None]:
    """Turn what a damaged or unreadable file raises into one clear error."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{file.name} is a broken gzip file: {error}; download or compress it again") from error
    except pl.exceptions.ComputeError as error:
        raise InputError(f"{file.name} cannot be read: {error}; check its format") from error
    except (PermissionError, IsADirectoryError) as error:
        raise InputError(f"{file.name} cannot be opened: {error.strerror}; check its rights") from error


def _usable(file: Path, fields: Sequence[Field], quarantine: Quarantine) -> Iterator[pl.DataFrame]:
    """The usable lines of one file; stops early where the whole first batch has none."""
    unseen = [field for field in fields if field.expected]
    usable, bad = 0, list[tuple[int, str]]()
    for raw, malformed in _raw(file, fields):
        rows = typed(raw, fields)
        wrong = rows.filter(pl.col("reason").is_not_null())
        bad = sorted([*malformed, *wrong.select("line", "reason").iter_rows()])
        quarantine.add(file.name, bad)
        rows = rows.filter(pl.col("reason").is_null()).drop("reason", "line")
        usable += rows.height
        if bad and not usable:
            break
        unseen = [field for field in unseen if rows[field.name].null_count() == rows.height]
        yield rows
    if not usable:
        _none_usable(file, fields, bad[0] if bad else None)
    if unseen:
        keys = ", ".join(key for field in unseen for key in field.keys)
        raise InputError(f"{file.name} has no value for {keys} in any line; name the right columns")


def _none_usable(file: Path, fields: Sequence[Field], first: tuple[int, str] | None) -> NoReturn:
    seen = f"line {first[0]}: {first[1]}" if first else "it is empty"
    needs = ", ".join(" or ".join(field.keys) for field in fields if field.required)
    raise InputError(f"{file.name} has no usable line: {seen}; every line needs {needs}; check format and columns")


def _raw(file: Path, fields: Sequence[Field]) -> Iterator[tuple[pl.DataFrame, list[tuple[int, str]]]]:
    """Text columns and malformed lines, batch by batch, whatever the format."""
    form = format_of(file)
    if form == "parquet":
        yield from ((frame, []) for frame in parquet.batches(file, fields))
        return
    with _opened(file) as lines:
        if form == "jsonl":
            yield from jsonl.batches(lines, fields)
        else:
            yield from delimited.batches(lines, fields, file.name, "\t" if form == "tsv" else ",")


def _opened(file: Path) -> io.BufferedReader:
    if file.suffix.lower() != ".gz":
        return file.open("rb")
    # BufferedReader splits lines in C, which GzipFile itself does not.
    return cast(io.BufferedReader, io.BufferedReader(cast(io.RawIOBase, gzip.open(file)), 1 << 20))
