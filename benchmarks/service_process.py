"""A service over a large store, or a bare route to compare with, in processes of its own.

python -m benchmarks.service_process PORT STORE|bare PROCESSES [LLM]
"""

import contextlib
import random
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from unlike.memory.settings import MemorySettings
from unlike.records import Item, Record
from unlike.store.records import NewRecord

if TYPE_CHECKING:
    from fastapi import FastAPI

    from unlike.memory.cpu_process import CPUProcesses
    from unlike.memory.memory import Memory
    from unlike.store.database import Store, Tenant

WORDS = [f"word{n}" for n in range(3_000)]
N_ITEMS = 2_000
ANSWER = "word " * 60


@contextlib.contextmanager
def served(store: object, llm: str = "", n_processes: int = 1) -> Generator[int]:
    """Run this module in a process; yields the port of its server."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.service_process", str(port), str(store), str(n_processes), llm]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # its log has a line per request
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.kill()  # an orderly end would wait for requests in progress
        process.wait(30)


def rows(n_records: int) -> Iterator[NewRecord]:
    """Records of 60 words each, 20 per user."""
    rng = random.Random(0)
    for n in range(n_records):
        item = f"i{rng.randrange(N_ITEMS)}"
        record = Record(
            f"r{n}", f"u{n % (n_records // 20)}", item, " ".join(rng.choices(WORDS, k=60)), "Said", 4.0, 1 + n
        )
        yield NewRecord(record, Item(item, f"Thing {item}", "It has parts. " * 10))


def memory_of(tenant: "Tenant", uri: str = "", processes: "CPUProcesses | None" = None) -> "Memory":
    """A memory with the LLM of a URI, by default one that answers at once."""
    from unlike.embed.hashing import HashingEncoder
    from unlike.llm.open import open_llm
    from unlike.llm.scripted import ScriptedBackend
    from unlike.memory.memory import Memory
    from unlike.privacy.redact import open_redactor
    from unlike.privacy.signing import Signer
    from unlike.prompts.task import open_task

    llm = open_llm(uri) if uri else ScriptedBackend(lambda messages, sampling: ANSWER, name="at once")
    parts = (llm, HashingEncoder(), open_redactor("patterns"), Signer.new(), open_task())
    return Memory(tenant, *parts, MemorySettings(), processes=processes)


def opened(address: object) -> "Store":
    """The store at an address."""
    from unlike.privacy.keys import MasterKey
    from unlike.store.database import open_store

    return open_store(str(address), MasterKey(b"k" * 32))


def serve_store(address: str, llm: str, listener: socket.socket) -> None:
    """Serve a store without limits."""
    from unlike.memory.cpu_process import CPUProcesses
    from unlike.serve.app import create_app
    from unlike.serve.service import Service, ServiceSettings

    settings = ServiceSettings(requests_per_s=None, tenant_requests_per_s=None, n_workers=0)
    memory = partial(memory_of, uri=llm, processes=CPUProcesses())
    _run(create_app(Service(opened(address), memory, settings)), listener)


def serve_bare(listener: socket.socket) -> None:
    """Serve a bare FastAPI route with the same body and an answer of the same length."""
    from fastapi import FastAPI

    from unlike.serve.bodies import GenerateBody

    app, answer = FastAPI(), {"text": ANSWER, "rung": "full", "why": "none", "profile_version": 1}

    @app.post("/v1/generate")
    async def generate(body: GenerateBody) -> dict[str, Any]:
        return answer

    _run(app, listener)


def _run(app: "FastAPI", listener: socket.socket) -> None:
    from unlike.serve import server
    from unlike.serve.logs import write_log

    write_log()
    server.run(server.serve(app, listener))


def main(port: int, store: str, n_processes: int, llm: str) -> None:
    """Serve what the command line names."""
    from unlike.serve.processes import run_in_processes
    from unlike.serve.server import listening_together

    serve = serve_bare if store == "bare" else partial(serve_store, store, llm)
    with listening_together("127.0.0.1", port, n_processes) as listeners:
        if n_processes == 1:
            serve(listeners[0])
        else:
            run_in_processes(serve, listeners)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
