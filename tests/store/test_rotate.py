"""Another master key opens everything, and the old one nothing."""

import os

import pytest

from tests.store.rows import BOTH, MASTER, lived_in, row
from unlike.errors import InputError
from unlike.privacy.keys import MasterKey
from unlike.privacy.seal import Unreadable
from unlike.store import audit, check, records, users
from unlike.store.database import open_store
from unlike.store.rotate import rotate
from unlike.store.tables import USERS

NEW = MasterKey(b"n" * 32)


@pytest.fixture
def made(address):
    """An open store with two tenants that live in it."""
    opened = open_store(address, MASTER)
    for name in ("ours", "theirs"):
        lived_in(opened.tenant(name))
    yield opened
    opened.close()


def test_everything_opens_with_the_new_key(made, address):
    with made.tenant("ours").read() as tx:
        name = audit.name_of(tx, "ann")
    assert rotate(made, NEW) == {"tenants": 2, "users": 8}
    again = open_store(address, NEW)
    with again.tenant("ours").write() as tx:
        assert [stored.record.text for stored in records.read(tx)][:1] == ["words of ann"]
        assert audit.name_of(tx, "ann") == name
        assert records.put(tx, [row("emil")], BOTH).n_new == 1
        assert check.faults(tx) == []
    again.close()


def test_the_old_key_opens_nothing(made, address):
    rotate(made, NEW)
    with pytest.raises(InputError, match=f"wrapped by master key {NEW.id}, and this is {MASTER.id}; give that one"):
        open_store(address, MASTER)


def test_who_still_has_the_store_open_is_told(made):
    tenant = made.tenant("ours")
    rotate(made, NEW)
    for late in (lambda tx: records.put(tx, [row("emil")], BOTH), lambda tx: tx.keys.of_users(tx.conn, [99, 1])):
        with (
            pytest.raises(InputError, match="wrapped by master key"),
            type(tenant)(fresh(made), 1, "ours").write() as tx,
        ):
            late(tx)
    with tenant.read() as tx:
        assert users.find_user(tx, "emil") is None


def test_a_key_that_does_not_open_changes_nothing(made, address):
    with made.connection(writes=True) as conn:
        conn.execute(USERS.update().where(USERS.c.id == 8).values(wrapped_key=os.urandom(60)))
    with pytest.raises(Unreadable):
        rotate(made, NEW)
    open_store(address, MASTER).close()


def test_many_users(made):
    with made.tenant("ours").write() as tx:
        records.put(tx, [row(f"u{n}") for n in range(1200)], BOTH)
    assert rotate(made, NEW) == {"tenants": 2, "users": 1208}
    with made.connection(writes=False) as conn:
        assert set(conn.scalars(USERS.select().with_only_columns(USERS.c.master))) == {NEW.id}


def fresh(store):
    """The same store to a process that has no key in memory."""
    return type(store)(store.engine, MASTER)
