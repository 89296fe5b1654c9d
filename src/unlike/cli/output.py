"""How results are printed: tables of facts, JSON and times."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from unlike.errors import InputError
from unlike.progress import n_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

ResultT = TypeVar("ResultT")


def day_and_time(at_ms: int) -> str:
    """A time, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def say(line: str) -> None:
    """Print a line for a person on standard error, beside the output."""
    typer.echo(line, err=True)


def print_rewrites(n: int) -> None:
    """Print that a forecast does not count repeated calls, if there may be any."""
    if n:
        typer.echo(f"rewrites are not counted: each call may be made again, at most {n_of(n, 'time')}")


def confirm(yes: bool, question: str, undone: str) -> None:
    """Ask before something that cannot be undone; where the answer is no, the command ends with exit status 1.

    Args:
        yes: The user agreed already.
        question: One word for what would be done: "Erase?".
        undone: What to say if it is not done.

    Raises:
        InputError: There is no terminal to ask at.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(f"there is no terminal to ask for confirmation; {undone}: give --yes")
    if not typer.confirm(f"This cannot be undone. {question}"):
        typer.echo(undone)
        raise typer.Exit(1)


def new_console() -> "Console":
    """A console that prints strings as they are: brackets and :names: in texts of users are not markup."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def heading(title: str, rest: str = "") -> "Text":
    """A line that begins with a bold title."""
    from rich.text import Text

    return Text.assemble((title, "bold"), rest)


def print_json(value: object) -> None:
    """Print a value or a dataclass as JSON."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))


def print_result(result: ResultT, files: Iterable[Path], show: Callable[[ResultT], None], *, as_json: bool) -> None:
    """Print a result as JSON and nothing else, or as ``show`` does, with the files that it was written to."""
    if as_json:
        print_json(result)
        return
    show(result)
    for file in files:
        typer.echo(f"written: {file}")


def print_facts(facts: Mapping[str, object], title: str) -> None:
    """Print a table with a row for each fact."""
    from rich.table import Table

    grid = Table("", "", title=title, show_header=False)
    for name, value in facts.items():
        grid.add_row(name, words(value))
    print_table(grid)


def cut_texts(n: int) -> str:
    """The line on texts that were cut off."""
    return f"max_tokens cut off {n_of(n, 'text')} before the LLM had ended; raise it, or ask for shorter texts"


def print_table(table: "Table", console: "Console | None" = None) -> None:
    """Print a table so that nothing is cut: where a word is wider than its column, it goes on in the next line."""
    for column in table.columns:
        if not column.no_wrap:
            column.overflow = "fold"
    (console or new_console()).print(table)


def print_figures(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], console: "Console | None" = None
) -> None:
    """Print a table of names and, right of them, figures."""
    from rich.table import Table

    table = Table(columns[0], box=None, title=title, padding=(0, 1, 0, 0))
    for name in columns[1:]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row)
    print_table(table, console)


def words(value: object) -> str:
    """A value as a person reads it."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        lines = [f"{name} {words(part)}" for name, part in value.items()]
        return "\n".join(lines) if len(lines) > 3 else ", ".join(lines)
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value)) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
