"""Serves an app on a port until a signal stops it."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from unlike.errors import InputError
from unlike.serve.connection import Connection

GRACE_S = 30
"""Time for running requests to finish after a signal to stop."""
BACKLOG = 2048
"""Connections that may wait to be accepted."""
MAX_CONNECTIONS = 4096
SWITCH_S = 0.001
"""Python's thread switch interval; a request may wait for it several times, so the default of 5 ms is too long."""


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """A listening socket; port 0 for any free port.

    Raises:
        InputError: It cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise InputError(f"{host} port {port} cannot be listened on: {why}; give --host or --port") from error
    with door:
        yield door


def address_of(door: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port, *_ = door.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: FastAPI, door: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; both end the process with exit status 0."""
    for ending in (signal.SIGTERM, signal.SIGINT):  # uvicorn shuts down on these, and then passes them on to us
        signal.signal(ending, _end)
    host, port, *_ = door.getsockname()
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # a full garbage collection that traverses all imported objects would block all requests
    await uvicorn.Server(config(app, host, port)).serve(sockets=[door])


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Run a server to its end, on uvloop where it is installed, which is faster than asyncio's own loop."""
    with asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory()) as runner:
        runner.run(serving)


def config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """Uvicorn's settings; its access log is off, since paths hold user ids."""
    return uvicorn.Config(
        app,
        host,
        port,
        http=Connection,
        limit_concurrency=MAX_CONNECTIONS,
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
