"""``unlike adapter``: import a released adapter, or describe one."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.cli.groups import Group
from unlike.cli.options import Json, Time, time_rule
from unlike.cli.output import print_facts, print_json
from unlike.settings import vector_file

if TYPE_CHECKING:
    from unlike.latent.adapter import Adapter

adapter = typer.Typer(cls=Group, help="Import a released adapter, or describe one.", no_args_is_help=True)


@adapter.command("import")
def import_released(
    folder: Path = typer.Argument(help="DEP's released checkpoint: safetensors files with their tokenizer."),
    out: Path = typer.Option(..., help="Folder to write the adapter to."),
    embedder: str = typer.Option("bge-m3", help="Encoder that it was trained with; the authors used bge-m3."),
    llm: str | None = typer.Option(None, help="Folder of the LLM that it was trained on, to recognise that LLM later."),
    time: Time = "as_of",
    as_json: Json = False,
) -> None:
    """Make an adapter from the checkpoint that DEP's authors released.

    The LLM is not loaded: only the trained modules, the markers and the token embeddings are read. If the LLM has more
    embedding rows than tokens, as Qwen2.5 does, give --llm; without it the adapter cannot be matched to the LLM.
    """
    from unlike.embed.open import open_encoder
    from unlike.latent import released

    rule = time_rule(time)
    encoder = open_encoder(embedder, vector_file())
    base = None if llm is None else Path(llm.removeprefix("transformers:"))
    made = released.import_released(folder, out, encoder, base, rule)
    _print(made, out, as_json)
    if base is None and not as_json:
        typer.echo(
            "note: without --llm the adapter fits only LLMs without extra embedding rows; Qwen2.5 has extra rows"
        )


@adapter.command("show")
def show(folder: Path = typer.Argument(help="Folder of an adapter."), as_json: Json = False) -> None:
    """Describe an adapter: settings, LLM, embedder, training users, losses, how the checkpoint was chosen, size."""
    from unlike.latent.adapter import load_adapter

    _print(load_adapter(folder), folder, as_json)


def _print(adapter: "Adapter", folder: Path, as_json: bool) -> None:
    if as_json:
        print_json(facts_of(adapter, folder))
    else:
        print_facts(facts_of(adapter, folder), str(folder))


def facts_of(adapter: "Adapter", folder: Path) -> dict[str, object]:
    """Facts about an adapter; None for what is not known."""
    from dataclasses import asdict

    from unlike.latent.adapter import WEIGHTS

    metadata, training = adapter.metadata, adapter.metadata.training or {}
    losses, validations = training.get("losses") or [None], training.get("validations") or [None]
    return {
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
