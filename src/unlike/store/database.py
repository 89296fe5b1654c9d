"""The database: opened by folder or address, one transaction at a time, each for one tenant.

SQLite runs in WAL mode and overwrites what it deletes; a transaction that writes takes the write lock at its start, so
two writers wait for each other instead of failing half-way. What is committed is on the disk, unless the caller
passes ``durable=False`` for data that can be rebuilt: that survives a crash of the process, but perhaps not of the machine.
"""

import sqlite3
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, select
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.sql.compiler import SQLCompiler

from unlike.errors import InputError, UnlikeError
from unlike.privacy.keys import MasterKey
from unlike.store import postgres
from unlike.store.keyring import Gone, Keyring, about_tenant, wrapped_by_another
from unlike.store.tables import TENANTS

T = TypeVar("T")

FILE = "store.sqlite"
CONFLICT_STATES = ("40001", "40P01")
"""PostgreSQL's error codes for conflicts between transactions: serialization failure and deadlock."""


class TransactionConflict(UnlikeError):
    """Another transaction changed what this one relied on, for example erased a user; it has to be retried."""


class StoreUnusable(InputError):
    """The database cannot be used: it is unreachable, full, damaged, or may not be written to."""


@dataclass(frozen=True, slots=True)
class Tx:
    """An open transaction of one tenant.

    Attributes:
        conn: To the database.
        tenant: Number of the tenant; part of every condition.
        keys: The keys of users.
        now_ms: The time of everything written in it.
    """

    conn: Connection
    tenant: int
    keys: Keyring
    now_ms: int

    def insert(self, table: Table) -> Any:  # noqa: ANN401 - each dialect has its own Insert
        """An insert that supports ON CONFLICT."""
        return insert_into(self.conn, table)

    def inserted(self, table: Table, row: Mapping[str, Any]) -> int:
        """The number of a new row of the tenant's."""
        insert = table.insert().values({**row, "tenant": self.tenant})
        return self.conn.scalars(insert.returning(table.c.id)).one()


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer's share of a store; tenants see nothing of each other."""

    store: "Store"
    id: int
    name: str

    @contextmanager
    def write(self, durable: bool = True) -> Generator[Tx]:
        """A transaction that may write: committed at the end, rolled back on any error."""
        with self._transaction(writes=True, durable=durable) as tx:
            yield tx

    def run_with_retry(self, work: Callable[[Tx], T], attempts: int = 5, durable: bool = True) -> T:
        """Do work in a transaction that may write; after a conflict with another transaction, do it again.

        Raises:
            TransactionConflict: At every attempt.
        """
        for _ in range(attempts - 1):
            with suppress(TransactionConflict), self.write(durable) as tx:
                return work(tx)
        with self.write(durable) as tx:
            return work(tx)

    @contextmanager
    def read(self) -> Generator[Tx]:
        """A read-only transaction on one consistent snapshot, without waiting for writers."""
        with self._transaction(writes=False) as tx:
            yield tx

    @contextmanager
    def _transaction(self, writes: bool, durable: bool = False) -> Generator[Tx]:
        keys = self.store.keys.of_transaction()
        try:
            with self.store.connection(writes, durable=durable) as conn:
                yield Tx(conn, self.id, keys, self.store.now_ms())
        except Gone as error:  # erased between reading the rows and reading their keys
            raise TransactionConflict("a user was erased while the user's texts were read; try again") from error
        keys.commit()


class Store:
    """A database with its master key.

    Args:
        engine: To the database, migrated.
        master: Wraps the keys of tenants and users.
    """

    def __init__(self, engine: Engine, master: MasterKey) -> None:
        self.engine = engine
        self.keys = Keyring(master)
        # All use the same pool: setting options for each transaction would cost more than the transaction.
        of_one_moment = (
            {} if self.is_file else {"isolation_level": "REPEATABLE READ"}
        )  # so that rows and their keys match
        self._reading = engine.execution_options(unlike_begin="begin", **of_one_moment)
        self._writing = engine.execution_options(unlike_begin="begin immediate")
        self._writing_to_disk = engine.execution_options(unlike_begin="begin immediate", unlike_durable=True)

    @property
    def is_file(self) -> bool:
        """Whether it is a local file, which can be read at any time while others write to it."""
        return self.engine.dialect.name == "sqlite"

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
    def connection(self, writes: bool, durable: bool = True) -> Generator[Connection]:
        """A transaction over all tenants.

        Args:
            writes: Whether it may write.
            durable: Whether what it writes is on the disk when it ends.

        Raises:
            StoreUnusable: The database cannot be used (disk full, no rights, unreachable).
            InputError: It cannot hold a value.
            TransactionConflict: Another transaction changed the same rows.
        """
        writing = self._writing_to_disk if durable else self._writing
        engine = writing if writes else self._reading
        with self._translated_errors(), engine.connect() as conn, conn.begin():
            if writes and not durable and not self.is_file:
                conn.exec_driver_sql("set local synchronous_commit = off")
            yield conn

    def rows(self, query: SQLCompiler, values: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        """The rows of one query, executed by the database driver alone, which takes far less time than SQLAlchemy.

        Args:
            query: Compiled for this database's dialect. Values are returned as the driver has them, without conversion.
            values: Its parameters by name.

        Raises:
            StoreUnusable: The database cannot be used.
            InputError: It cannot hold a value.
        """
        given = [values[name] for name in query.positiontup] if query.positiontup else values
        with self._translated_errors():
            if not self.is_file:
                return postgres.rows(self.engine, query.string, given)
            with closing(self.engine.raw_connection()) as conn:
                return conn.cursor().execute(query.string, given).fetchall()

    @contextmanager
    def _translated_errors(self) -> Generator[None]:
        """Translates errors of the database."""
        try:
            yield
        except (DBAPIError, self.engine.dialect.loaded_dbapi.Error) as error:
            known = _known_error(self.engine, error)
            if known is None:
                raise
            raise known from error
        except UnicodeEncodeError as error:
            raise InputError(
                f"the store cannot hold a value: {error.object[error.start : error.end]!r} at {error.start} is half a "
                "character; send whole Unicode characters"
            ) from error

    @contextmanager
    def file(self) -> Generator[sqlite3.Connection]:
        """A connection of its own to SQLite's file, outside of any transaction.

        Raises:
            StoreUnusable: The file cannot be used.
        """
        try:
            with closing(sqlite3.connect(str(self.engine.url.database), timeout=60, isolation_level=None)) as file:
                yield file
        except sqlite3.Error as error:
            raise _unusable(self.engine, error) from error

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _new_tenant(self, name: str) -> int:
        with self.connection(writes=True) as conn:
            key = self.keys.new(about_tenant(name))
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

    engine = open_engine(str(where))
    try:
        migrated(engine, migrate)
        store = Store(engine, master)
        check_master(store)
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
    """The dialect's insert, which supports ON CONFLICT."""
    if conn.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def open_engine(where: str) -> Engine:
    """To the database of a folder or address, whatever its version."""
    address = address_of(where)
    if address.startswith("postgresql"):
        return postgres.open_engine(address)
    folder = Path(where)
    try:
        make_private(folder / FILE)
    except OSError as error:
        raise InputError(f"store {folder} cannot be made: {error.strerror}; name a folder you may write to") from error
    options = {"timeout": 60, "check_same_thread": False}
    engine = create_engine(address, pool_size=16, connect_args=options, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def make_private(file: Path) -> None:
    """Make a file and its folder, where they are not there, so that only their owner can read them.

    SQLite gives its log the mode of the file.
    """
    if not file.parent.exists():
        file.parent.mkdir(mode=0o700, parents=True)
        file.parent.chmod(0o700)
    if not file.exists():
        file.touch(mode=0o600)
        file.chmod(0o600)


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
    options = conn.get_execution_options()
    how = options.get("unlike_begin", "begin")
    if how == "begin immediate":
        conn.exec_driver_sql(f"pragma synchronous={'full' if options.get('unlike_durable') else 'normal'}")
    if how:
        conn.exec_driver_sql(how)


def check_master(store: Store) -> None:
    """Check that the keys of a store are wrapped by its master key.

    Raises:
        AnotherMasterKey: They are not.
    """
    with store.connection(writes=False) as conn:
        other = conn.scalar(select(TENANTS.c.master).where(TENANTS.c.master != store.keys.master.id).limit(1))
    if other:
        raise wrapped_by_another(other, store.keys.master.id)


def _known_error(engine: Engine, error: Exception) -> UnlikeError | None:
    """The error to raise for one of SQLAlchemy or of the database driver; None for a bug in our own statements."""
    if not isinstance(error, DBAPIError):
        error = DBAPIError.instance(None, None, error, engine.dialect.loaded_dbapi.Error, dialect=engine.dialect)
    if isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", "") in CONFLICT_STATES:
        return TransactionConflict("another transaction changed what this one relied on; try again")
    if isinstance(error, DataError):
        return InputError(f"the store cannot hold a value: {_reason(error)}; allowed are texts without NUL and 64 bits")
    if isinstance(error, OperationalError) or type(error) is DatabaseError:  # SQLite's for a damaged file
        return _unusable(engine, error)
    return None


def _unusable(engine: Engine, error: Exception) -> StoreUnusable:
    return StoreUnusable(f"store {engine.url.render_as_string()} cannot be used: {_reason(error)}")


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
