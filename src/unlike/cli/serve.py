"""``unlike serve``: a store over HTTP, with the workers that build profiles."""

import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.options import EmbedderName, LLMUri, MasterAt, SettingsAt, SigningKeyAt, StoreAt
from unlike.cli.output import say
from unlike.errors import InputError
from unlike.memory.open import open_memory_parts
from unlike.store.open import SERVICE_PARTS, Place, need, open_signer, open_store_at

if TYPE_CHECKING:
    from socket import socket

    from fastapi import FastAPI

    from unlike.llm.backend import Backend
    from unlike.memory.open import MemoryParts
    from unlike.serve.service import Service
    from unlike.store.database import Store


def serve(
    store: StoreAt,
    llm: LLMUri,
    embedder: EmbedderName = "minilm",
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all, behind a proxy that terminates TLS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8000,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0, help="Workers that build profiles in this process; 0 where they run elsewhere. Default: 1."
        ),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            help="Processes that answer requests, one per processor, each with its own workers; the LLM must be a server, or "
            "scripted: for tries.",
        ),
    ] = 1,
    settings: SettingsAt = None,
    signing_key: SigningKeyAt = None,
    master: MasterAt = "",
) -> None:
    """Serve a store over HTTP: records, profiles, texts, consent, erasure, and OpenAI's chat API.

    Ctrl-C or SIGTERM lets requests and LLM calls in progress finish, for 30 s at most; a second one cancels them. The log
    goes to standard error, one JSON object per line, and holds nothing that users wrote.
    """
    need(SERVICE_PARTS)
    from unlike.serve.processes import run_in_processes
    from unlike.serve.server import address_of, listening_together

    place = Place(store, master=master, notify=say)
    if processes > 1:
        _check_shared(llm, processes)
    with open_store_at(place, new=not place.in_folder, migrate=True) as opened:
        parts = open_memory_parts(settings, llm, embedder)
        with listening_together(host, port, processes) as listeners:
            parts = replace(parts, signer=open_signer(place, signing_key))
            _announce(opened, place, llm, address_of(listeners[0]))
            if processes == 1:
                _serve(opened, parts, workers, listeners[0])
                return
            opened.close()  # each process opens the store for itself
            serve_beside = partial(_serve_beside, place, settings, llm, embedder, signing_key, workers)
            status = run_in_processes(serve_beside, listeners)
    if status:
        raise typer.Exit(status)


def _check_shared(llm: str, processes: int) -> None:
    from unlike.llm.open import destination

    if not destination(llm) and not llm.startswith("scripted:"):
        raise InputError(
            f"--processes {processes} with {llm}: each process would load the model; serve it with openai:MODEL@URL or "
            "vllm:MODEL@URL, or leave out --processes"
        )


def _serve_beside(
    place: Place,
    settings: Path | None,
    llm: str,
    embedder: str,
    signing_key: Path | None,
    workers: int | None,
    listener: "socket",
) -> None:
    """Serve in one of several processes."""
    with open_store_at(place) as opened:
        parts = replace(open_memory_parts(settings, llm, embedder), signer=open_signer(place, signing_key))
        _serve(opened, parts, workers, listener)


def _serve(store: "Store", parts: "MemoryParts", workers: int | None, listener: "socket") -> None:
    """Serve until a signal ends it."""
    from unlike.inspector.app import store_routers
    from unlike.memory.cpu_process import CPUProcesses
    from unlike.serve.app import create_app
    from unlike.serve.server import run
    from unlike.serve.service import Service

    with closing(CPUProcesses()) as processes:
        parts = replace(parts, processes=processes)
        service = Service(store, parts.memory, parts.file.service_settings(workers), parts.priority)
        app = create_app(service, store_routers())
        run(_until_told(app, service, parts.backend, listener))


async def _until_told(app: "FastAPI", service: "Service", backend: "Backend", listener: "socket") -> None:
    from unlike.serve.logs import write_log
    from unlike.serve.server import serve

    write_log()
    try:
        await serve(app, listener, service.stop_building)
    finally:
        await backend.aclose()


def _announce(store: "Store", place: Place, llm: str, address: str) -> None:
    from unlike.llm.open import destination

    typer.echo(f"serving {place.shown} with {llm} at {address}; its API is described at {address}/openapi.json")
    if host := destination(llm):
        typer.echo(f"texts are sent to {host}")
    if not _has_key(store):
        typer.echo(f"there is no API key yet; create one with: unlike keys new NAME --store {place.shown}")
    typer.echo(f"the inspector is at {address}/inspect/")
    sys.stdout.flush()


def _has_key(store: "Store") -> bool:
    from unlike.store import api_keys

    for tenant in store.tenants():
        with tenant.read() as tx:
            if any(row.revoked_ms is None for row in api_keys.listed(tx)):
                return True
    return False
