"""Connections that never become requests end, and those that do wait for nothing."""

import asyncio
import socket

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from unlike.serve.connection import BODY_S, HEAD_S, MAX_HEAD_BYTES, Connection
from unlike.serve.server import config


class Transport(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self, door=None):
        super().__init__({"socket": door, "peername": ("10.0.0.1", 1), "sockname": ("127.0.0.1", 80)})
        self.sent, self.closed, self.aborted = b"", False, False

    def write(self, data):
        self.sent += data

    def close(self):
        self.closed = True

    def abort(self):
        self.aborted = True

    def is_closing(self):
        return self.closed or self.aborted

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


class Clock:
    """A loop's: notes what is to be done after how many seconds."""

    def __init__(self, loop):
        self._loop, self.waiting = loop, []

    def __getattr__(self, name):
        return getattr(self._loop, name)

    def call_later(self, seconds, work, *args):
        handle = self._loop.call_later(3600, work, *args)
        self.waiting.append((seconds, work, handle))
        return handle

    def due(self):
        return [(seconds, work) for seconds, work, handle in self.waiting if not handle.cancelled()]


@pytest.fixture
def connected():
    """A connection, its transport and its clock; ``run`` lets the loop go on."""
    loop = asyncio.new_event_loop()
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("hello"), methods=["GET", "POST"])])
    clock, transport = Clock(loop), Transport()
    settings = config(app, "127.0.0.1", 0)
    settings.load()
    connection = Connection(settings, ServerState(), {}, _loop=clock)
    asyncio.set_event_loop(loop)
    connection.connection_made(transport)
    yield connection, transport, clock
    loop.close()


def test_nothing_is_waited_for_longer_than_some_seconds(connected):
    """Before, 600 of 600 half-open requests were alive after 20 s."""
    _, transport, clock = connected
    ((seconds, work),) = clock.due()
    assert seconds == HEAD_S
    work()
    assert transport.aborted


def test_a_head_that_trickles_in_ends_at_the_same_time(connected):
    connection, transport, clock = connected
    for piece in (b"GET / HT", b"TP/1.1\r\nhost: a\r\n", b"x: y\r\n", b"z: 1\r\n"):
        connection.data_received(piece)
        assert [seconds for seconds, _ in clock.due()] == [HEAD_S]
    assert len(clock.waiting) == 2, "the clock starts with the connection and with the request, not with each byte"


def test_a_body_has_its_time_too(connected):
    connection, transport, clock = connected
    connection.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc")
    assert [seconds for seconds, _ in clock.due()] == [BODY_S]
    connection.data_received(b"defghi")
    assert clock.due() == []


@pytest.mark.parametrize("piece", [b"x-a: " + b"b" * 1000, b"x-a: b\r\n" * 100, b"/" * 1000])
def test_headers_without_end_are_refused(connected, piece):
    """Before, 120 MB of them were taken."""
    connection, transport, _ = connected
    connection.data_received(b"GET /" if piece.startswith(b"/") else b"GET / HTTP/1.1\r\n")
    n = 0
    while not transport.closed and n < 10 * MAX_HEAD_BYTES:
        connection.data_received(piece)
        n += len(piece)
    assert n <= MAX_HEAD_BYTES + 2 * len(piece)
    assert transport.sent.startswith(b"HTTP/1.1 431 ")
    connection.data_received(b"\r\n\r\n")
    connection.connection_lost(None)


def test_large_headers_in_one_piece_are_refused(connected):
    connection, transport, _ = connected
    connection.data_received(b"GET / HTTP/1.1\r\nx-a: " + b"b" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n")
    assert transport.closed and transport.sent.startswith(b"HTTP/1.1 431 ")


def test_what_is_sent_is_sent_at_once():
    """Before, each request on a kept connection waited some 40 ms for the last one's acknowledgement."""
    with socket.socket() as door:
        loop = asyncio.new_event_loop()
        settings = config(Starlette(), "127.0.0.1", 0)
        settings.load()
        connection = Connection(settings, ServerState(), {}, _loop=Clock(loop))
        connection.connection_made(Transport(door))
        assert door.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        loop.close()
