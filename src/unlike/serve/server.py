"""An app on a port, until it is told to stop."""

import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from unlike.errors import InputError
from unlike.serve.connection import Connection

GRACE_S = 30
"""For answers under way when the service is told to stop."""
WAITING = 2048
"""Connections that may wait to be taken."""
MOST_CONNECTIONS = 4096
SWITCH_S = 0.001
"""After which a thread at work lets the answers go on; Python's own 5 ms would be waited for several times a request."""


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """A socket on an address; port 0 for any free one.

    Raises:
        InputError: It cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family, backlog=WAITING)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise InputError(f"{host} port {port} cannot be listened on: {why}; give --host or --port") from error
    with door:
        yield door


def address_of(door: socket.socket) -> str:
    """The URL of what answers there."""
    host, port, *_ = door.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: FastAPI, door: socket.socket) -> None:
    """Answer until SIGINT or SIGTERM; to be told to stop is to end well, so both end the process with 0."""
    for ending in (signal.SIGTERM, signal.SIGINT):  # uvicorn shuts down on these, and then passes them on to us
        signal.signal(ending, _end)
    host, port, *_ = door.getsockname()
    sys.setswitchinterval(SWITCH_S)
    await uvicorn.Server(config(app, host, port)).serve(sockets=[door])


def config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """How uvicorn is to run: its own access log is off, since paths hold user ids."""
    return uvicorn.Config(
        app,
        host,
        port,
        http=Connection,
        limit_concurrency=MOST_CONNECTIONS,
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
