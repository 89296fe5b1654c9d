"""A store in SQLite and one in PostgreSQL without rows; see ``tests.store.conftest``."""

from tests.store.conftest import (  # noqa: F401 - fixtures
    address,
    empty_file,
    in_postgres,
    in_sqlite,
    new_database,
    postgres,
    store,
)
