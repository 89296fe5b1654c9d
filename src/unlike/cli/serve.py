"""``unlike serve``: the user memory over HTTP, with the workers that build profiles."""

import asyncio
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.open_memory import EmbedderName, LLMUri, SettingsAt, open_parts
from unlike.cli.open_store import PARTS, MasterAt, Place, SigningKeyAt, StoreAt, named, need, open_signer, open_store
from unlike.errors import InputError

if TYPE_CHECKING:
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
    place = Place(store, master=master)
    with open_store(place, new=True) as opened:
        parts = open_parts(settings, llm, embedder, open_signer(place, signing_key))
        app = _app(opened, parts, workers)
        with _listening(host, port) as door:
            _tell(opened, store, llm, door)
            asyncio.run(_serve(app, parts, door))


def _app(store: "Store", parts: "Parts", workers: int | None) -> "FastAPI":
    from unlike.serve.app import create_app
    from unlike.serve.service import Service

    return create_app(Service(store, parts.memory, parts.file.service_settings(workers)))


def _listening(host: str, port: int) -> socket.socket:
    """A socket on the address, taken before anything is said."""
    try:
        return socket.create_server((host, port), family=_family(host), backlog=2048)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise InputError(f"{host} port {port} cannot be listened on: {why}; give --host or --port") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def _serve(app: "FastAPI", parts: "Parts", door: socket.socket) -> None:
    """Serve until a signal ends it, then give back what the LLM holds."""
    import uvicorn

    from unlike.serve.logs import write_log
    from unlike.serve.server import config

    write_log()
    for ending in (signal.SIGTERM, signal.SIGINT):  # uvicorn shuts down on these, and then passes them on to us
        signal.signal(ending, _end)
    host, port, *_ = door.getsockname()
    try:
        await uvicorn.Server(config(app, host, port)).serve(sockets=[door])
    finally:
        await parts.backend.aclose()


def _end(_signal: int, _frame: FrameType | None) -> None:
    """To be told to stop is how a service ends well."""
    raise SystemExit(0)


def _tell(store: "Store", where: str, llm: str, door: socket.socket) -> None:
    host, port, *_ = door.getsockname()
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
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
