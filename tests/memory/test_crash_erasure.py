"""Killed inside an erasure, its scrub, a change of consent or a rotation: whole or not at all, and no byte is left."""

import asyncio
import itertools
import random
import shutil
import signal

import pytest
from sqlalchemy import make_url, select

from tests.memory.killed_memory import OTHER_MASTER, VICTIM, act, act_and_die
from tests.memory.town import faults, is_in, kept, lived_in, memory_of, on_disk, opened, row, town
from tests.processes import new_process
from tests.store.rows import MASTER
from unlike.errors import InputError
from unlike.llm.scripted import ScriptedBackend
from unlike.memory import erase
from unlike.memory.answers import Request
from unlike.store.database import open_store
from unlike.store.tables import METADATA

ACTIONS = ("erase", "scrub", "consent", "rotate")
MOST_STATEMENTS = {"erase": 150, "scrub": 15, "consent": 120, "rotate": 30}
"""About as many events as the action has; after them it is not killed."""
WORDS = "Quokkas hum beneath umbrellas."
N_ROUNDS = 10


def says_again(messages, _sampling):
    return f"Others say: {WORDS}" if any("Quokkas" in message["content"] for message in messages) else "Is brief."


def fill(address):
    store = open_store(address, MASTER)
    mine = [row(VICTIM, item, f"{WORDS} That of {item}.") for item in ("tea", "bread")]
    llm = ScriptedBackend(says_again)
    memory = lived_in(store, [*town(("ann", "bob")), *mine], llm, on_repeat="mark", keep_prompts=True)
    for user in ("ann", VICTIM):
        asyncio.run(memory.generate(Request(user, "tea")))
    store.close()


@pytest.fixture(scope="module")
def new_town(postgres, new_database, tmp_path_factory):
    """Makes stores in which everybody has a profile, many of them with the victim's words."""
    folder = tmp_path_factory.mktemp("towns")
    names, filled = itertools.count(), {}

    def made(kind):
        if kind not in filled:
            filled[kind] = str(folder / "full") if kind == "sqlite" else new_database()
            fill(filled[kind])
        name = f"town_{next(names)}"
        if kind == "sqlite":
            return str(shutil.copytree(filled[kind], folder / name))
        postgres.psql(f"create database {name} template {make_url(filled[kind]).database};")
        return postgres.get_uri(database=name)

    return made


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("number", [*range(N_ROUNDS), pytest.param(None, marks=pytest.mark.soak)])
def test_nothing_is_left_whenever_it_is_killed(new_town, kind, number):
    for one in range(N_ROUNDS, N_ROUNDS + 100) if number is None else [number]:
        one_round(new_town(kind), ACTIONS[one % len(ACTIONS)], random.Random(one))


def one_round(address, action, draw):
    before = prepared(address, action)
    at_statement = draw.random() < 0.7
    statement = draw.randrange(1, MOST_STATEMENTS[action]) if at_statement else None
    killed(address, action, statement, None if at_statement else draw.uniform(0.0, 0.05))
    store = reopened(address)
    memory = memory_of(store)
    if action != "rotate" or store.keys.master.id == MASTER.id:
        asyncio.run(act(memory, action))
        store.close()
        store = reopened(address)
        memory = memory_of(store)
    assert erase.scrub(store, patience_s=5)
    check(memory, before, action)
    store.close()


def prepared(address, action):
    """The sealed values before the action."""
    store = open_store(address, MASTER)
    memory = memory_of(store)
    before = sealed(store)
    assert len(before) > 12 and is_in(VICTIM, on_disk(store))
    if action == "scrub":
        memory.tenant.run_with_retry(lambda tx: erase._take_out(tx, VICTIM, [], ""))
    store.close()
    return before


def killed(address, action, *moment):
    process = new_process(act_and_die, address, action, *moment)
    process.join(240)
    assert process.exitcode in (0, -signal.SIGKILL)


def reopened(address):
    """Open with the master key that is valid: the old one, or the new one if the rotation was done."""
    for master in (MASTER, OTHER_MASTER):
        try:
            store = open_store(address, master)
        except InputError:  # its keys are wrapped by another one
            continue
        opened(memory_of(store))
        return store
    raise AssertionError("some keys are wrapped by one master key, some by the other")


def sealed(store):
    """All sealed values."""
    with store.connection(writes=False) as conn:
        columns = [
            table.c[name] for table in METADATA.sorted_tables for name in ("sealed", "prompt") if name in table.c
        ]
        return {bytes(value) for column in columns for value in conn.scalars(select(column)) if value is not None}


def check(memory, before, action):
    disk, store = on_disk(memory.tenant.store), memory.tenant.store
    gone = before - sealed(store)
    assert bool(gone) == (action != "rotate")
    assert not [value for value in gone if value in disk or value.hex().encode() in disk]
    assert not is_in("Quokkas", disk) and is_in("ann", disk)
    assert not faults(memory)
    if action in ("erase", "scrub"):
        assert not is_in(VICTIM, disk)
        assert asyncio.run(memory.receipt(VICTIM))["files_scrubbed"] is True
        assert {record.user_id for record in kept(memory).values()} == {"ann", "bob"}
    if action == "rotate":
        assert store.keys.master.id == OTHER_MASTER.id
