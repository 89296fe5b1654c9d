"""Serves an app on a port until a signal stops it."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from unlike.errors import InputError
from unlike.llm.stop import STOP
from unlike.serve.connection import Connection
from unlike.serve.service import GRACE_S

LEAVE_S, LEAVE_AT_ONCE_S = GRACE_S + 10, 8.0
"""After the first and after a second signal, the process ends in this time even if a thread of an engine does not."""
BACKLOG = 2048
"""Connections that may wait to be accepted."""
MAX_CONNECTIONS = 4096
SWITCH_S = 0.001
"""Python's thread switch interval; a request may wait for it several times, so the default of 5 ms is too long."""


@contextmanager
def listening(host: str, port: int, shared: bool = False) -> Generator[socket.socket]:
    """A listening socket; port 0 for any free port.

    Args:
        host: Address.
        port: Of TCP.
        shared: Whether other sockets may listen on the port too.

    Raises:
        InputError: It cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise InputError(f"{host} port {port} cannot be listened on: {why}; give --host or --port") from error
    with door:
        yield door


@contextmanager
def listening_together(host: str, port: int, n: int) -> Generator[list[socket.socket]]:
    """``n`` sockets that listen on one port, among which the kernel (of Linux) divides connections evenly.

    Raises:
        InputError: It cannot be listened on, or somebody else does.
    """
    with listening(host, port) as alone:
        if n == 1:
            yield [alone]
            return
        port = alone.getsockname()[1]
    with ExitStack() as opened:
        yield [opened.enter_context(listening(host, port, shared=True)) for _ in range(n)]


def address_of(door: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port, *_ = door.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells the app of a signal before it waits for requests."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; see ``uvicorn.Server.shutdown``."""
        self._on_stop()
        await super().shutdown(sockets)
        if self.force_exit:  # uvicorn would leave out what the app does at its end
            await self.lifespan.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets requests and builds finish, the second one cancels them."""
        if self.should_exit:
            self.force_exit = True
            STOP.cancel()
        super().handle_exit(sig, frame)
        leaving = threading.Timer(LEAVE_AT_ONCE_S if self.force_exit else LEAVE_S, os._exit, (0,))
        leaving.daemon = True
        leaving.start()


async def serve(app: FastAPI, door: socket.socket, on_stop: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM; both end the process with exit status 0.

    Args:
        app: What is served.
        door: Where to listen.
        on_stop: Called when the server begins to stop, before requests under way are waited for.
    """
    for ending in (signal.SIGTERM, signal.SIGINT):  # uvicorn shuts down on these, and then passes them on to us
        signal.signal(ending, _end)
    host, port, *_ = door.getsockname()
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # a full garbage collection that traverses all imported objects would block all requests
    await _Server(config(app, host, port), on_stop).serve(sockets=[door])


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
        timeout_graceful_shutdown=int(GRACE_S),
    )


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
