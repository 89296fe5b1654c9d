"""A connection: uvicorn's, with bounds on what one that is never finished may hold, and without waiting for more to send.

uvicorn takes headers of any size for any time, and leaves TCP to gather small packets, which costs each request on a kept
connection some 40 ms.
"""

import asyncio
import socket

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MOST_HEAD_BYTES = 32 * 1024
"""Of a request's line and headers."""
HEAD_S = 10.0
"""In which they have to come, from the connection's or the request's first byte on."""
BODY_S = 120.0
"""In which the body has to come."""
TOO_LARGE = 431


class Connection(HttpToolsProtocol):
    """A connection that ends where a request is too large or too slow to be one."""

    _n_head_bytes = 0
    _in_head = True
    _refused = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        door: socket.socket | None = transport.get_extra_info("socket")
        if door is not None and door.family in (socket.AF_INET, socket.AF_INET6):
            door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that does not end is refused when it is too large."""
        if self._refused:
            return
        super().data_received(data)
        if self._in_head and not self._refused:
            self._n_head_bytes += len(data)
            if self._n_head_bytes > MOST_HEAD_BYTES:
                self._refuse()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._n_head_bytes = True, 0
        self._wait(HEAD_S)

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        self._wait(BODY_S)
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD_BYTES:
            self._refuse()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of its body is there."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._wait(None)
        if not self._refused:
            super().on_message_complete()

    def _refuse(self) -> None:
        self._refused = True
        self._wait(None)
        self.transport.write(STATUS_LINE[TOO_LARGE] + b"connection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()

    def _wait(self, seconds: float | None) -> None:
        """End the connection after some seconds, unless it is told otherwise before."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
