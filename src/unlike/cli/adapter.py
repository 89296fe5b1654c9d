"""``unlike adapter``: import a released adapter, or show what one is made of."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unlike.cli.listing import Listing
from unlike.cli.time_rule import time_rule
from unlike.config import vector_file

if TYPE_CHECKING:
    from unlike.latent.adapter import Adapter

adapter = typer.Typer(cls=Listing, help="Import an adapter that others released, or show one.", no_args_is_help=True)


@adapter.command("import")
def import_released(
    folder: Path = typer.Argument(help="DEP's released checkpoint: safetensors files with their tokenizer."),
    out: Path = typer.Option(..., help="Folder of the adapter."),
    embedder: str = typer.Option("bge-m3", help="The encoder it was trained with; bge-m3 for the authors' own."),
    llm: str | None = typer.Option(
        None, help="Folder of the LLM it was trained on, so that the adapter recognises it."
    ),
    time: str = typer.Option("as_of", help="Which texts of others a difference may use: as_of, or paper: all."),
    as_json: bool = typer.Option(False, "--json", help="Print the facts as JSON."),
) -> None:
    """Make an adapter of the checkpoint that DEP's authors released.

    Its LLM is not loaded: only the trained modules, the markers and the token embeddings are read. If the LLM has more
    rows than tokens, as Qwen2.5 has, give --llm, or the adapter will not recognise it.
    """
    from unlike.embed.open import open_encoder
    from unlike.latent import released

    rule = time_rule(time)
    encoder = open_encoder(embedder, vector_file())
    base = None if llm is None else Path(llm.removeprefix("transformers:"))
    _print(released.import_released(folder, out, encoder, base, rule), out, as_json)
    if base is None and not as_json:
        typer.echo(
            "note: without --llm the adapter fits only an LLM that has no more rows than tokens; Qwen2.5 has more"
        )


@adapter.command("show")
def show(
    dir: Path = typer.Argument(help="Folder of an adapter."),
    as_json: bool = typer.Option(False, "--json", help="Print the facts as JSON."),
) -> None:
    """Show an adapter: settings, LLM and embedder, training users, last losses, what chose the checkpoint, size."""
    from unlike.latent.adapter import load_adapter

    _print(load_adapter(dir), dir, as_json)


def _print(adapter: "Adapter", folder: Path, as_json: bool) -> None:
    """Print what is known of an adapter; what is not known is None."""
    from dataclasses import asdict

    from unlike.latent.adapter import WEIGHTS

    metadata, training = adapter.metadata, adapter.metadata.training or {}
    losses, validations = training.get("losses") or [None], training.get("validations") or [None]
    facts: dict[str, Any] = {
        "digest": adapter.digest,
        "settings": asdict(metadata.settings),
        "LLM": metadata.llm,
        "LLM hash": metadata.llm_hash,
        "embedder": metadata.embedder,
        "dimensions": metadata.dim,
        "hidden": metadata.hidden,
        "source": metadata.source or "trained here",
        "training users": None if metadata.source else len(metadata.users),
        "corpus hash": metadata.corpus_hash or None,
        "last losses": losses[-1],
        "last validation": validations[-1],
        "checkpoint chosen by": training.get("chosen_by"),
        "parameters": sum(weight.numel() for weight in adapter.module.parameters()),
        "megabytes": (folder / WEIGHTS).stat().st_size / 2**20,
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    grid = Table("", "", title=str(folder), show_header=False)
    for name, value in facts.items():
        grid.add_row(name, _words(value))
    Console().print(grid)


def _words(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, dict):
        return "\n".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
