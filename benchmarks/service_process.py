"""A service over a big store, or a bare route beside it, as a process of its own: python -m tests.serve.big_house."""

import asyncio
import random
import sys
from pathlib import Path

from unlike.memory.settings import MemorySettings
from unlike.records import Item, Record
from unlike.store.records import NewRecord

WORDS = [f"word{n}" for n in range(3_000)]
N_ITEMS = 2_000
ANSWER = "word " * 60


def rows(n_records):
    """Records of a twentieth as many users, of some 60 words each."""
    rng = random.Random(0)
    for n in range(n_records):
        item = f"i{rng.randrange(N_ITEMS)}"
        record = Record(
            f"r{n}", f"u{n % (n_records // 20)}", item, " ".join(rng.choices(WORDS, k=60)), "Said", 4.0, 1 + n
        )
        yield NewRecord(record, Item(item, f"Thing {item}", "It has parts. " * 10))


def memory_of(tenant):
    """A memory whose LLM answers at once."""
    from unlike.embed.hashing import HashingEncoder
    from unlike.llm.scripted import ScriptedBackend
    from unlike.memory.memory import Memory
    from unlike.privacy.receipt import Signer
    from unlike.privacy.redact import open_redactor
    from unlike.prompts.task import open_task

    llm = ScriptedBackend(lambda messages, sampling: ANSWER, name="at once")
    parts = (llm, HashingEncoder(), open_redactor("patterns"), Signer.new(), open_task())
    return Memory(tenant, *parts, MemorySettings())


def serve_store(port, folder):
    from unlike.privacy.keys import MasterKey
    from unlike.serve.app import create_app
    from unlike.serve.service import Service, ServiceSettings
    from unlike.store.database import open_store

    store = open_store(folder, MasterKey(b"k" * 32))
    run(create_app(Service(store, memory_of, ServiceSettings(requests_per_s=None, n_workers=0))), port)


def run(app, port):
    from unlike.serve.logs import write_log
    from unlike.serve.server import listening, serve

    write_log()
    with listening("127.0.0.1", port) as door:
        asyncio.run(serve(app, door))


def serve_bare(port):
    """FastAPI with the same body and an answer as long, and nothing behind it."""
    from fastapi import FastAPI

    from unlike.serve.bodies import GenerateBody

    app, answer = FastAPI(), {"text": ANSWER, "rung": "full", "why": "none", "profile_version": 1}

    @app.post("/v1/generate")
    async def generate(body: GenerateBody):
        return answer

    run(app, port)


if __name__ == "__main__":
    port, folder = int(sys.argv[1]), sys.argv[2]
    serve_bare(port) if folder == "bare" else serve_store(port, Path(folder))
