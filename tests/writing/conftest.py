"""A store in SQLite, and a small real service; see ``tests.store.conftest`` and ``tests.serve.conftest``."""

from tests.serve.conftest import folders, make_house  # noqa: F401 - fixtures
from tests.store.conftest import empty_file, in_sqlite  # noqa: F401 - fixtures
