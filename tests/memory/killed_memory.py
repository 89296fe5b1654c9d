"""A memory that lives by a script in a process of its own, for tests that kill it.

Each generation of three people writes on two items, one of which the generation before wrote on too; then one of them
withdraws from being compared, one edits a profile, one of the generation before is erased, and work that goes on beside
all this is waited for.
What was done is noted in a file the moment it is acknowledged. Everything is done again that was not.
"""

import asyncio
import os
import re
import signal
import threading
from pathlib import Path

from sqlalchemy import event

import unlike.peers.selectors  # noqa: F401 - imported once, before processes are forked
from tests.memory.town import memory_of, row
from tests.store.rows import BOTH, MASTER
from unlike.llm.scripted import ScriptedBackend
from unlike.memory import erase
from unlike.memory.answers import Evidence
from unlike.memory.worker import work_once
from unlike.privacy.keys import MasterKey
from unlike.store import jobs
from unlike.store.database import open_store
from unlike.store.records import Unknown
from unlike.store.rotate import rotate

STEPS = 6
LEASE_S = 0.3
"""Of jobs; the next process takes those that were left after so long."""


def people(generation):
    return [f"{name}-{generation}" for name in ("erased", "shy", "editor")]


def words(user, item):
    return f"word-of-{user}-on-{item}"


def written(generation, second):
    """Records of a generation on its first or second item."""
    item = f"item-{generation + second}"
    return [row(user, item, f"Well, {words(user, item)} as ever.") for user in people(generation)]


def says_again(messages, _sampling):
    return "It reads " + " and ".join(sorted(set(re.findall(r"word-of-\S+", messages[-1]["content"])))) + "."


async def do(memory, step):
    """One step of the script; done twice it is done once."""
    generation, kind = divmod(step, STEPS)
    erased, shy, editor = people(generation)
    if kind in (0, 1):
        await memory.add(written(generation, kind), BOTH)
    elif kind == 2:
        await memory.set_consent(shy, peer=False)
    elif kind == 3:
        await memory.edit(editor, [Evidence(f"Says {words(editor, 'item')}.", pinned=True)])
    elif kind == 4 and generation:
        await gone(memory, people(generation - 1)[0])
    elif kind == 5:
        await memory.build([editor])
        while jobs.wait_s(memory.tenant.store) is not None:
            await asyncio.sleep(0.01)


async def gone(memory, user_id):
    try:
        await memory.erase(user_id)
    except Unknown:
        return


def live(address, notes, until, n_statements, seconds):
    """Live by the script up to a step, and finish all work; or be killed before.

    Args:
        address: Of the store.
        notes: File of the steps done.
        until: Step to stop at.
        n_statements: SQL statements to be killed at.
        seconds: Or time to be killed at; None for neither.
    """
    store = open_store(address, MASTER)
    if n_statements is not None:
        _kill_at(store.engine, n_statements)
    if seconds is not None:
        threading.Timer(seconds, _die).start()
    asyncio.run(_live(store, Path(notes), until))
    store.close()


async def _live(store, notes, until):
    memory = memory_of(store, ScriptedBackend(says_again, name="says-again"))
    working = asyncio.create_task(_work(store, memory))
    with notes.open("a") as file:
        for step in range(done(notes), until):
            await do(memory, step)
            os.write(file.fileno(), b".")
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await memory.build()
    while jobs.wait_s(store) is not None:
        await work_once(store, lambda _: memory, LEASE_S)


async def _work(store, memory):
    while True:
        if not await work_once(store, lambda _: memory, LEASE_S):
            await asyncio.sleep(0.01)


def done(notes):
    """Steps that were acknowledged."""
    return notes.stat().st_size if notes.exists() else 0


def _kill_at(engine, n_statements):
    left = iter(range(n_statements))

    def count(*_):
        if next(left, None) is None:
            _die()

    for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, moment, count)


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


VICTIM = "victim-canary-91ab"
OTHER_MASTER = MasterKey(b"o" * 32)
"""The master key after a rotation."""


async def act(memory, action):
    """Something that must be whole or not there at all, and leave nothing in the files; done twice it is done once."""
    store = memory.tenant.store
    if action == "erase":
        return await memory.erase(VICTIM)
    if action == "scrub":  # of an erasure that was committed and no more
        return erase.scrub(store, patience_s=5)
    if action == "consent":
        return await memory.set_consent(VICTIM, peer=False)
    return rotate(store, OTHER_MASTER)


def act_and_die(address, action, n_statements, seconds):
    """Do it, or be killed in the middle."""
    store = open_store(address, MASTER)
    memory = memory_of(store)
    if n_statements is not None:
        _kill_at(store.engine, n_statements)
    if seconds is not None:
        threading.Timer(seconds, _die).start()
    asyncio.run(act(memory, action))
    os._exit(0)
