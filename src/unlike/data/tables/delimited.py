"""CSV and TSV with a header line.

A quotation mark that opens a cell and does not close makes only its own line malformed: reading continues with the next.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

import polars as pl

from unlike.data.tables.encoding import Encoding
from unlike.data.tables.fields import Field, Reading, how_to_map
from unlike.data.tables.log import BadLines, ReadLog
from unlike.data.tables.opening import TableFile
from unlike.errors import InputError

BATCH_ROWS = 50_000
MAX_CELL_CHARS = 10_000_000
MAX_CELL_LINES = 1_000
DELIMITERS = (",", ";", "\t", "|")
NOT_UTF8 = "not UTF-8"


def batches(
    table: TableFile, fields: Sequence[Field], reading: Reading, encoding: Encoding, log: ReadLog
) -> Iterator[tuple[pl.DataFrame, BadLines]]:
    """Yield frames of text columns with a column ``line`` (where the row begins), and the malformed rows beside each.

    Raises:
        InputError: The header is malformed, a required or expected column is not in it, or the given delimiter is none.
    """
    with table.open() as file:
        lines = Lines(encoding.lines(file))
        usual = _usual_delimiter(table)
        delimiter = _given_delimiter(reading) or best_delimiter(table, partial(_n_columns, lines.first, fields))
        if delimiter != usual:
            log.assume(f"{table.name}, columns", f"separated by {delimiter!r}")
        names, rows = header_and_rows(table, lines, delimiter)
        keys = chosen_keys([*names, *table.constants], fields, table.name)
        while batch := list(islice(rows, BATCH_ROWS)):
            yield _frame(batch, names, keys, table.constants, fields)


def _frame(
    batch: Sequence[tuple[int, list[str] | str]],
    names: Sequence[str],
    keys: Sequence[Sequence[str]],
    constants: Mapping[str, str | None],
    fields: Sequence[Field],
) -> tuple[pl.DataFrame, BadLines]:
    bad = [(number, row) for number, row in batch if isinstance(row, str)]
    good = [(*row, number) for number, row in batch if not isinstance(row, str)]
    places = [f"{place}" for place in range(len(names))]
    cells = pl.DataFrame(good, schema=dict.fromkeys(places, pl.String) | {"line": pl.UInt32}, orient="row")
    at = {name: pl.col(f"{place}").replace("", None) for place, name in reversed(list(enumerate(names)))}
    at |= {name: pl.lit(value, dtype=pl.String) for name, value in constants.items()}
    none = pl.lit(None, dtype=pl.String)
    chosen = [
        pl.coalesce([none, *(at[key] for key in own)]).alias(field.name)
        for field, own in zip(fields, keys, strict=True)
    ]
    return cells.select(*chosen, "line"), bad


def chosen_keys(columns: Sequence[str], fields: Sequence[Field], name: str) -> list[list[str]]:
    """The columns of each field; none for an optional field that the table lacks.

    Raises:
        InputError: A required or expected column is not there.
    """
    keys = [[key for key in field.keys if key in columns] for field in fields]
    missing = [
        " or ".join(field.keys)
        for field, found in zip(fields, keys, strict=True)
        if not found and (field.required or field.expected)
    ]
    if missing:
        lacking = f"column{'' if len(missing) == 1 else 's'} {', '.join(missing)}"
        raise InputError(
            f"{name} has no {lacking}; it has {', '.join(columns) or 'none'}; name the right ones{how_to_map(fields)}"
        )
    return keys


def _given_delimiter(reading: Reading) -> str:
    delimiter = reading.delimiter.replace("\\t", "\t")
    if delimiter and (len(delimiter) > 1 or delimiter in '"\r\n'):
        raise InputError(
            f"--delimiter is {delimiter!r}; give one character, such as ; or \\t, that is no quotation mark"
        )
    return delimiter


def best_delimiter(table: TableFile, score: Callable[[str], int]) -> str:
    """The delimiter with the highest score; of equal ones the usual one of the format."""
    return max((_usual_delimiter(table), *DELIMITERS), key=score)


def _usual_delimiter(table: TableFile) -> str:
    return "\t" if table.format == "tsv" else ","


def _n_columns(header: str, fields: Sequence[Field], delimiter: str) -> int:
    """The number of fields that have a column when a delimiter splits the header."""
    names = {name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])}
    return sum(not names.isdisjoint(field.keys) for field in fields)


class Lines:
    """Lines of a file for ``csv.reader``, with pushback.

    Attributes:
        first: The first line that is not blank, where numbering begins.
        taken: Lines of the current row.
        number: Of the line that was read last.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        csv.field_size_limit(MAX_CELL_CHARS)  # of the process
        self.first = next((line for line in lines if line.strip()), "")
        self._lines, self._pushed_back = lines, deque([self.first] if self.first else [])
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_CELL_LINES:
            raise csv.Error(f"a cell of more than {MAX_CELL_LINES:,} lines")
        line = self._pushed_back.popleft() if self._pushed_back else next(self._lines)
        self.taken.append(line)
        self.number += 1
        return line

    def push_back_all_but_first(self) -> None:
        """Push back all lines of the current row except its first."""
        others = self.taken[1:]
        self._pushed_back.extendleft(reversed(others))
        self.number -= len(others)


def header_and_rows(
    table: TableFile, lines: Lines, delimiter: str
) -> tuple[list[str], Iterator[tuple[int, list[str] | str]]]:
    """The stripped names of the header (none for an empty table), and (line number, cells or fault) of each other row.

    Raises:
        InputError: The header is malformed.
    """
    rows = _rows_in(lines, delimiter)
    number, header = next(rows, (0, list[str]()))
    if isinstance(header, str):
        advice = "save the file as UTF-8" if header == NOT_UTF8 else "correct the header"
        raise InputError(f"{table.name}, line {number}: the header is malformed: {header}; {advice}")
    return [name.strip() for name in header], rows


def _rows_in(lines: Lines, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield (line number, cells or the fault of the row); the first row, the header, sets the number of cells."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = 0
    while True:
        lines.taken.clear()
        try:
            row: list[str] | str = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row = _read_leniently(lines.taken, delimiter, width) or f"not CSV: {error}"
        number = lines.number - len(lines.taken) + 1
        if isinstance(row, list) and width and row and len(row) != width:
            row = f"{len(row)} cells, the header has {width}"
        if isinstance(row, str) and len(lines.taken) > 1:
            row = "a quotation mark opens a cell and does not close; double or remove it"
            lines.push_back_all_but_first()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        width = width or len(row)
        if row:
            yield number, _checked(row)


def _read_leniently(taken: Sequence[str], delimiter: str, width: int) -> list[str] | None:
    """A one-line row whose cells contain quotation marks that are not doubled; None where it is no such row."""
    if len(taken) != 1:
        return None
    row = next(csv.reader(taken, delimiter=delimiter), [])
    return row if len(row) == width else None


def _checked(row: list[str] | str) -> list[str] | str:
    try:
        "".join(row).encode()
    except UnicodeError:
        return NOT_UTF8
    return [cell.replace("\0", "\ufffd") for cell in row] if isinstance(row, list) and "\0" in "".join(row) else row
