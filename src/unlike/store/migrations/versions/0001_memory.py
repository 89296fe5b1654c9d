"""All tables of the first version.

Nothing is released yet, so they are made as ``store.tables`` has them; what is changed after a release gets a number of its
own, and this one is then written out as it was released.
"""

from alembic import op

from unlike.store.tables import METADATA

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    METADATA.create_all(op.get_bind())
    if op.get_context().dialect.name == "sqlite":
        _tell_how_many()


def _tell_how_many() -> None:
    """A tenant has many rows: SQLite takes ten for granted, and would go through them all to find a few by number."""
    op.execute("analyze")  # makes the table of statistics
    for table in ("items", "journal", "records", "users"):
        op.execute(f"insert into sqlite_stat1 values ('{table}', 'sqlite_autoindex_{table}_1', '1000000 500000 1')")
    op.execute("analyze sqlite_master")  # reads it again
