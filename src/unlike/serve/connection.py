"""uvicorn's HTTP connection with limits on unfinished requests, and with TCP_NODELAY.

uvicorn accepts headers of any size for any time. It also leaves Nagle's algorithm on, which costs each request on a
persistent connection some 40 ms.
"""

import asyncio
import socket

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
"""Maximum size of request line and headers."""
HEAD_S = 10.0
"""Time limit for them, from the start of the connection or request."""
BODY_S = 120.0
"""Time limit for the body."""
TOO_LARGE = 431


class Connection(HttpToolsProtocol):
    """A connection that is closed when a request's head is too large, or the request too slow."""

    _n_head_bytes = 0
    _in_head = True
    _refused = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit."""
        super().connection_made(transport)
        door: socket.socket | None = transport.get_extra_info("socket")
        if door is not None and door.family in (socket.AF_INET, socket.AF_INET6):
            door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._set_deadline(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit."""
        self._set_deadline(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data; an unfinished head is refused as soon as it is too large."""
        if self._refused:
            return
        super().data_received(data)
        if self._in_head and not self._refused:
            self._n_head_bytes += len(data)
            if self._n_head_bytes > MAX_HEAD_BYTES:
                self._refuse()

    def on_message_begin(self) -> None:
        """Start of a request."""
        super().on_message_begin()
        self._in_head, self._n_head_bytes = True, 0
        self._set_deadline(HEAD_S)

    def on_headers_complete(self) -> None:
        """End of a request's head."""
        self._in_head = False
        self._set_deadline(BODY_S)
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refuse()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End of a request."""
        self._set_deadline(None)
        if not self._refused:
            super().on_message_complete()

    def _refuse(self) -> None:
        self._refused = True
        self._set_deadline(None)
        self.transport.write(STATUS_LINE[TOO_LARGE] + b"connection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()

    def _set_deadline(self, seconds: float | None) -> None:
        """Abort the connection after some seconds; replaces the last time limit, None removes it."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
