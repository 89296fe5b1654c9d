"""A service over the packaged sample, with texts that try to be something else than texts."""

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from starlette.testclient import TestClient

import unlike
from unlike.embed.hashing import HashingEncoder
from unlike.inspector.app import store_routers
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.memory import Memory
from unlike.memory.settings import MemorySettings, Refresh
from unlike.memory.worker import work_off
from unlike.privacy.keys import MasterKey
from unlike.privacy.redact import open_redactor
from unlike.privacy.signing import Signer
from unlike.prompts.task import open_task
from unlike.serve.app import create_app
from unlike.serve.service import Service, ServiceSettings
from unlike.store import api_keys
from unlike.store.database import open_store

MASTER = MasterKey(b"k" * 32)
SIGNER = Signer.new()
EVIL = '<script>window.stolen = 1</script><img src="//elsewhere.example/x" onerror="window.stolen = 1">'
HOSTILE = {
    "markup": EVIL,
    "a megabyte": "word " * 200_000,
    "right to left": "שלום עולם \u202e live \u2066 ← " * 20,
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 é́́́ " * 50,
    "controls": "one\x1b[31mtwo\x07three\x00four",
    "unbroken": "a" * 50_000,
}
LONG_TITLE = ("big " * 10_000)[:2_000]
"""As long as a title may be."""

DIFFERENCE = "Writing: short sentences with figures.\n\nEmotional: says little of feelings.\n\nSemantic: counts what others feel."
PROFILE = "Counts what others feel.\nWrites short sentences with figures.\nSays little of feelings."
TEXT = "312 pages. The tide tables are accurate as far as I can tell. Consistent."


def answer(messages, _sampling):
    if "Compare along" in messages[-1]["content"]:
        return DIFFERENCE
    return TEXT if "You are one particular person" in messages[0]["content"] else PROFILE


def open_memory(tenant):
    settings = MemorySettings(refresh=Refresh(debounce_s=0.0))
    backend = ScriptedBackend(answer, name="sample")
    return Memory(tenant, backend, HashingEncoder(), open_redactor("patterns"), SIGNER, open_task("review"), settings)


def rows():
    corpus = unlike.sample_corpus()
    for record in corpus.records():
        item = corpus.item(record.item_id)
        yield sent(record.id, record.user_id, item.id, record.text, record.title, record.rating, record.timestamp) | {
            "item": {"title": item.title, "description": item.description}
        }


def hostile_rows():
    for n, (user, text) in enumerate(HOSTILE.items()):
        evil = EVIL if user == "markup" else user
        row = sent(f"evil-{n}", evil, EVIL, text.replace("\0", ""), LONG_TITLE, 1.0, 1_700_000_000_000 + n)
        yield row | {"item": {"title": EVIL, "description": EVIL}}
        yield row | {"record_id": f"more-{n}", "item_id": "plain", "item": {"title": "Plain", "description": ""}}


def sent(record_id, user_id, item_id, text, title, rating, timestamp):
    fields = ("record_id", "user_id", "item_id", "text", "title", "rating", "timestamp")
    return dict(zip(fields, (record_id, user_id, item_id, text, title, rating, timestamp), strict=True))


def make_store(folder):
    """A store in which everybody has a profile."""
    with opened(folder) as house, TestClient(house.app, headers=house.head) as client:
        records = [*rows(), *hostile_rows()]
        body = {"records": records, "consent": {"own": True, "peer": True}}
        client.post("/v1/records", json=body).raise_for_status()
        quiet = sent("quiet-1", "quiet", "plain", "Not for others.", "Mine", 3.0, 1_700_000_000_000)
        client.post("/v1/records", json={"records": [quiet]}).raise_for_status()
        house.work()
    return folder


class House:
    def __init__(self, store):
        self.store = store
        settings = ServiceSettings(requests_per_s=None, n_workers=0)
        self.app = create_app(Service(store, open_memory, settings), store_routers())
        with store.tenant("acme").write() as tx:
            self.key = api_keys.new(tx, f"key {len(api_keys.listed(tx))}")
        self.head = {"authorization": f"Bearer {self.key}"}

    def work(self):
        """Do all that waits; in a thread, for a browser that is driven keeps a loop of its own in this one."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, work_off(self.store, open_memory)).result()


@contextmanager
def opened(folder):
    store = open_store(folder, MASTER)
    try:
        yield House(store)
    finally:
        store.close()


@contextmanager
def copied(made, folder):
    shutil.copytree(made, folder)
    with opened(folder) as house:
        yield house
