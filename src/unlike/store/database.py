"""The database: opened by folder or address, one transaction at a time, each for one tenant.

SQLite runs in WAL mode and overwrites what it deletes; a transaction that writes takes the write lock at its start, so
two writers wait for each other instead of failing half-way.
"""

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, select
from sqlalchemy.exc import DBAPIError, OperationalError

from unlike.errors import InputError
from unlike.privacy.keys import MasterKey
from unlike.store.keyring import Keyring
from unlike.store.tables import TENANTS

FILE = "store.sqlite"


@dataclass(frozen=True, slots=True)
class Tx:
    """An open transaction of one tenant.

    Attributes:
        conn: To the database.
        tenant: Number of the tenant; part of every condition.
        keys: Opens the keys of users.
        now_ms: The time that everything written here bears.
    """

    conn: Connection
    tenant: int
    keys: Keyring
    now_ms: int

    def insert(self, table: Table) -> Any:  # noqa: ANN401 - each dialect has its own Insert
        """An insert that can say ON CONFLICT."""
        return insert_into(self.conn, table)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer's share of a store; tenants see nothing of each other."""

    store: "Store"
    id: int
    name: str

    @contextmanager
    def write(self) -> Generator[Tx]:
        """A transaction that may write: committed at the end, rolled back on any error."""
        with self.store.connection(writes=True) as conn:
            yield self._tx(conn)

    @contextmanager
    def read(self) -> Generator[Tx]:
        """A transaction that only reads and waits for nobody."""
        with self.store.connection(writes=False) as conn:
            yield self._tx(conn)

    def _tx(self, conn: Connection) -> Tx:
        return Tx(conn, self.id, self.store.keys, self.store.now_ms())


class Store:
    """A database with its master key.

    Args:
        engine: To the database, migrated.
        master: Wraps the keys of tenants and users.
    """

    def __init__(self, engine: Engine, master: MasterKey) -> None:
        self.engine = engine
        self.keys = Keyring(master)

    def tenant(self, name: str = "default") -> Tenant:
        """The tenant of that name; made where there is none."""
        with self.connection(writes=False) as conn:
            number = conn.scalar(select(TENANTS.c.id).where(TENANTS.c.name == name))
        return Tenant(self, number or self._new_tenant(name), name)

    def tenants(self) -> list[Tenant]:
        """All tenants, by name."""
        with self.connection(writes=False) as conn:
            rows = conn.execute(select(TENANTS.c.id, TENANTS.c.name).order_by(TENANTS.c.name)).all()
        return [Tenant(self, number, name) for number, name in rows]

    @contextmanager
    def connection(self, writes: bool) -> Generator[Connection]:
        """A transaction over all tenants.

        Raises:
            InputError: The database cannot be used (disk full, no rights, unreachable).
        """
        try:
            with self.engine.connect().execution_options(unlike_writes=writes) as conn, conn.begin():
                yield conn
        except (OperationalError, sqlite3.OperationalError) as error:
            raise _unusable(self.engine, error) from error

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()

    def _new_tenant(self, name: str) -> int:
        with self.connection(writes=True) as conn:
            key = self.keys.new(f"tenant:{name}")
            row = {"name": name, "settings": {}, "created_ms": self.now_ms()} | key
            conn.execute(insert_into(conn, TENANTS).values(row).on_conflict_do_nothing())
            return conn.scalars(select(TENANTS.c.id).where(TENANTS.c.name == name)).one()


def open_store(where: str | Path, master: MasterKey, migrate: bool = True) -> Store:
    """The store in a folder, or at a database's address.

    Args:
        where: A folder (SQLite; made where there is none) or ``postgresql://user@host/name``.
        master: Wraps all keys.
        migrate: Bring the tables up to date; otherwise a store of another version is an error.

    Raises:
        InputError: It cannot be opened, is another version's, or its keys are wrapped by another master key.
    """
    from unlike.store.migrate import migrated

    engine = _engine(str(where))
    try:
        migrated(engine, migrate)
        store = Store(engine, master)
        _check_master(store)
    except (DBAPIError, sqlite3.Error) as error:
        raise _unusable(engine, error) from error
    return store


def address_of(where: str) -> str:
    """SQLAlchemy's address of a folder or database."""
    if where.startswith("postgresql://"):
        return where.replace("postgresql://", "postgresql+psycopg://", 1)
    if "://" in where:
        raise InputError(f"store {where!r} is of no known kind; allowed are a folder and postgresql://…")
    return f"sqlite:///{Path(where) / FILE}"


def insert_into(conn: Connection, table: Table) -> Any:  # noqa: ANN401 - each dialect has its own Insert
    """The dialect's insert, which knows ON CONFLICT."""
    if conn.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def _engine(where: str) -> Engine:
    address = address_of(where)
    if address.startswith("postgresql"):
        return create_engine(address, pool_pre_ping=True, pool_size=16)
    folder = Path(where)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"store {folder} cannot be made: {error.strerror}; name a folder you may write to") from error
    engine = create_engine(address, pool_size=16, connect_args={"timeout": 60, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin, not guessed by the driver
    for pragma in (
        "journal_mode=wal",
        "synchronous=normal",
        "foreign_keys=on",
        "secure_delete=on",
        "temp_store=memory",
        "mmap_size=268435456",
    ):
        connection.execute(f"pragma {pragma}")


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql("begin immediate" if conn.get_execution_options().get("unlike_writes") else "begin")


def _check_master(store: Store) -> None:
    with store.connection(writes=False) as conn:
        other = conn.scalar(select(TENANTS.c.master).where(TENANTS.c.master != store.keys.master.id).limit(1))
    if other:
        raise InputError(
            f"the store's keys are wrapped by master key {other}, not by {store.keys.master.id}; give that one, or "
            "rotate with: unlike keys rotate"
        )


def _unusable(engine: Engine, error: Exception) -> InputError:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    return InputError(f"store {engine.url.render_as_string()} cannot be used: {reason}")
