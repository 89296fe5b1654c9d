"""PostgreSQL: connections, and single queries with one round trip to the server."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from unlike.errors import InputError, MissingPart, how_to_install

PING_AFTER_S = 5.0
"""Idle seconds after which a connection is tested before it is used again."""


def open_engine(address: str) -> Engine:
    """An engine for an address of SQLAlchemy's; it does not connect yet.

    Raises:
        InputError: The address cannot be parsed.
        MissingPart: psycopg is not installed.
    """
    try:
        engine = create_engine(address, pool_size=16, hide_parameters=True)
    except (ArgumentError, ValueError) as error:
        raise InputError(  # without the address: there may be a password in it
            f"the store's address cannot be read: {error}; it is postgresql://user@host:port/name"
        ) from error
    except ModuleNotFoundError as error:
        raise MissingPart(
            f"a store in PostgreSQL needs psycopg, which is not installed: {how_to_install('postgres')}"
        ) from error
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_ping_if_idle, engine.dialect))
    return engine


def rows(engine: Engine, query: str, values: Sequence[object] | Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
    """The rows of one query, outside of any transaction: BEGIN and ROLLBACK would each be a round trip.

    If the connection turns out to be broken, for example because the server was restarted, the query is run once more.
    """
    try:
        return _rows(engine, query, values)
    except engine.dialect.loaded_dbapi.OperationalError:
        engine.dispose()  # the other idle connections may be broken too
        return _rows(engine, query, values)


def _rows(engine: Engine, query: str, values: Sequence[object] | Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
    with closing(engine.raw_connection()) as conn:
        driver: Any = conn.driver_connection
        driver.autocommit = True
        try:
            return driver.execute(query, values).fetchall()
        finally:
            if driver.closed:
                conn.invalidate()
            else:
                driver.autocommit = False


def _note_use(_: object, entry: ConnectionPoolEntry) -> None:
    entry.info["used_s"] = time.monotonic()


def _ping_if_idle(dialect: Dialect, connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
    """Test a connection that was idle; SQLAlchemy's ``pool_pre_ping`` does so at every use, one more round trip each.

    Raises:
        InvalidatePoolError: It is broken; SQLAlchemy then opens new connections.
    """
    now_s = time.monotonic()
    if now_s - entry.info.get("used_s", now_s) < PING_AFTER_S:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError("an idle connection is broken") from error
