"""``unlike serve``: the user memory over HTTP, with the workers that build profiles."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.open_memory import EmbedderName, LLMUri, SettingsAt, open_parts
from unlike.cli.open_store import PARTS, MasterAt, Place, SigningKeyAt, StoreAt, named, need, open_signer, open_store

if TYPE_CHECKING:
    from socket import socket

    from fastapi import FastAPI

    from unlike.cli.open_memory import Parts
    from unlike.store.database import Store

SERVER = {"fastapi": "FastAPI", "uvicorn": "uvicorn", "prometheus_client": "prometheus-client"}


def serve(
    store: StoreAt,
    llm: LLMUri,
    embedder: EmbedderName = "minilm",
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all, behind a proxy that speaks TLS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8000,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Workers that build profiles here; 0 where they run elsewhere. Default: 1."),
    ] = None,
    settings: SettingsAt = None,
    signing_key: SigningKeyAt = None,
    master: MasterAt = "",
) -> None:
    """Serve a store over HTTP until told to stop: records, profiles, texts, consent, erasure, and OpenAI's chat API.

    The log goes to standard error, a JSON object a line, and holds nothing that users wrote.
    """
    need(PARTS | SERVER)
    import asyncio

    from unlike.serve.server import address_of, listening

    place = Place(store, master=master)
    with open_store(place, new=True) as opened:
        parts = open_parts(settings, llm, embedder, open_signer(place, signing_key))
        app = _app(opened, parts, workers)
        with listening(host, port) as door:
            _tell(opened, store, llm, address_of(door))
            asyncio.run(_serve(app, parts, door))


def _app(store: "Store", parts: "Parts", workers: int | None) -> "FastAPI":
    from unlike.inspector.app import store_routers
    from unlike.serve.app import create_app
    from unlike.serve.service import Service

    return create_app(Service(store, parts.memory, parts.file.service_settings(workers)), store_routers())


async def _serve(app: "FastAPI", parts: "Parts", door: "socket") -> None:
    """Serve until a signal ends it, then give back what the LLM holds."""
    from unlike.serve.logs import write_log
    from unlike.serve.server import serve

    write_log()
    try:
        await serve(app, door)
    finally:
        await parts.backend.aclose()


def _tell(store: "Store", where: str, llm: str, address: str) -> None:
    typer.echo(f"serving {named(where)} with {llm} at {address}; its API is described at {address}/openapi.json")
    if not _has_key(store):
        typer.echo(f"nobody has an API key yet; make one with: unlike keys new NAME --store {named(where)}")
    typer.echo(f"the inspector, for people, is at {address}/inspect/")
    sys.stdout.flush()


def _has_key(store: "Store") -> bool:
    from unlike.store import api_keys

    for tenant in store.tenants():
        with tenant.read() as tx:
            if any(row.revoked_ms is None for row in api_keys.listed(tx)):
                return True
    return False
