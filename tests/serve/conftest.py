"""A small real service: a store in a folder, a scripted LLM, and two tenants that must not see each other."""

import asyncio
import contextlib
import io
import logging
import re
import shutil
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from unlike.embed.hashing import HashingEncoder
from unlike.inspector.app import store_routers
from unlike.llm.request_priority import RequestPriority
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.memory import Memory
from unlike.memory.settings import MemorySettings, Refresh
from unlike.memory.worker import work_off
from unlike.privacy.keys import MasterKey
from unlike.privacy.redact import open_redactor
from unlike.privacy.signing import Signer
from unlike.prompts.task import open_task
from unlike.serve.app import create_app
from unlike.serve.logs import write_log
from unlike.serve.server import config
from unlike.serve.service import Service, ServiceSettings
from unlike.store import api_keys, daily_budget
from unlike.store.database import Store, open_store

SETTINGS = ServiceSettings(requests_per_s=None, n_workers=0)
SIGNER = Signer.new()
MASTER = MasterKey(b"k" * 32)


@dataclass
class House:
    """A service with its parts at hand."""

    store: Store
    backend: ScriptedBackend
    folder: Path
    settings: ServiceSettings = SETTINGS
    keys: dict = field(default_factory=dict)
    key_name: str = "test"
    keep_prompts: bool = False
    priority: RequestPriority | None = None

    def __post_init__(self):
        self.service = Service(self.store, self.open_memory, self.settings, self.priority)
        self.app = create_app(self.service, store_routers())
        for tenant in ("acme", "other"):
            self.keys[tenant] = self.new_key(tenant, self.key_name)

    def open_memory(self, tenant):
        settings = MemorySettings(refresh=Refresh(debounce_s=0.0), keep_prompts=self.keep_prompts)
        redactor, task = open_redactor("patterns"), open_task("review")
        return Memory(tenant, self.backend, HashingEncoder(), redactor, SIGNER, task, settings, priority=self.priority)

    def new_key(self, tenant, name):
        with self.store.tenant(tenant).write() as tx:
            return api_keys.new(tx, name)

    def revoke(self, tenant, name):
        with self.store.tenant(tenant).write() as tx:
            api_keys.revoke(tx, name)

    def leave(self, tenant, tokens):
        """Leave so many tokens of the day to a tenant."""
        with self.store.tenant(tenant).write() as tx:
            daily_budget.set_budget(tx, daily_budget.used_today(tx) + tokens)

    def leave_for_one(self, client, path, body):
        """Leave what one request may use, as the refusal of another says."""
        self.leave("acme", 1)
        told = client.post(path, json=body).json()["error"]["message"]
        self.leave("acme", int(re.search(r"may use \(?([\d,]+)", told)[1].replace(",", "")))

    def head(self, tenant="acme"):
        return {"authorization": f"Bearer {self.keys[tenant]}"}

    def work(self):
        """Do all that waits."""
        return asyncio.run(work_off(self.store, self.open_memory))


def record(user="ada", item="album-7", text="Slow, warm, and a little too long.", **more):
    return {
        "record_id": f"{user}-{item}",
        "user_id": user,
        "item_id": item,
        "text": text,
        "rating": 4,
        "timestamp": 1_700_000_000_000,
        "item": {"title": f"Title of {item}", "description": "Ten songs."},
    } | more


def crowd(users=("ada", "bob", "cem"), items=("album-1", "album-2")):
    """Records of some users on the same items, who may be compared."""
    rows = [
        record(user, item, f"{user} says that {item} has tunes which stay with one.")
        for user in users
        for item in items
    ]
    return {"records": rows, "consent": {"own": True, "peer": True}}


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Stores to start from: an empty one, and one in which everybody has a profile."""
    top = tmp_path_factory.mktemp("stores")
    for name in ("empty", "full"):
        store = open_store(top / name, MASTER)
        if name == "full":
            house = House(store, ScriptedBackend.echo(), top / name, key_name="setup")
            with TestClient(house.app, headers=house.head()) as client:
                client.post("/v1/records", json=crowd()).raise_for_status()
            house.work()
        store.close()
    return top


@pytest.fixture
def make_house(tmp_path, folders):
    """Makes a service; settings may be changed."""
    stores = []

    def made(start="empty", llm=None, keep_prompts=False, priority=None, **settings):
        folder = tmp_path / f"store{len(stores)}"
        shutil.copytree(folders / start, folder)
        stores.append(open_store(folder, MASTER))
        changed, llm = replace(SETTINGS, **settings), llm or ScriptedBackend.echo()
        return House(stores[-1], llm, folder, changed, keep_prompts=keep_prompts, priority=priority)

    yield made
    for store in stores:
        store.close()


@pytest.fixture
def house(make_house):
    return make_house()


@pytest.fixture
def full_house(make_house):
    """Ada, bob and cem have profiles, compared with each other."""
    return make_house("full")


@contextlib.contextmanager
def calling(house, tenant="acme"):
    """Calls the app as a tenant."""
    with TestClient(house.app, headers=house.head(tenant), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(house):
    with calling(house) as client:
        yield client


@pytest.fixture
def full(full_house):
    with calling(full_house) as client:
        yield client


@pytest.fixture
def logged():
    """What the process writes to its log from here on."""
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    write_log(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@contextlib.contextmanager
def listening(app):
    """The app on a port of its own; gives its address."""
    server = uvicorn.Server(config(app, "127.0.0.1", 0))
    up = threading.Event()
    started = server.startup

    async def startup(sockets=None):
        await started(sockets)
        up.set()

    server.startup = startup
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert up.wait(120)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
