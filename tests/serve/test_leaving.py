"""A client that disconnects ends the LLM call that was made for it."""

import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from tests.llm.endpoint import chunk, stream
from tests.serve.passed import passing

CHAT = {"model": "unlike", "messages": [{"role": "user", "content": "Hello"}]}
TEXT = {"user_id": "ada", "item_id": "album-1"}


def until_left(handler, endpoint):
    """Behave: answer nothing more, and note when the caller closes the connection."""
    handler.connection.settimeout(20)
    endpoint.asked.set()
    if not handler.connection.recv(1):
        endpoint.left.set()
    handler.close_connection = True


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT | {"user": "ada"}),
        ("/v1/chat/completions", CHAT | {"stream": True}),
        ("/v1/generate", TEXT),
        ("/v1/generate", TEXT | {"stream": True}),
        ("/v1/playground", TEXT | {"method": "non_perso"}),
    ],
)
def test_the_call_ends_when_the_client_has_left(make_house, endpoint, path, body):
    endpoint.asked = threading.Event()
    endpoint.always = stream([chunk({"content": "Well"})], until_left) if "stream" in body else until_left
    with passing(make_house, endpoint) as at:
        content = json.dumps(body)
        head = {"host": "x", "content-type": "application/json", "content-length": len(content)} | at.house.head()
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", content]
        where = urlsplit(at.address)
        with socket.create_connection((where.hostname, where.port)) as client:
            client.sendall("\r\n".join(lines).encode())
            assert endpoint.asked.wait(120)
        assert endpoint.left.wait(120)
