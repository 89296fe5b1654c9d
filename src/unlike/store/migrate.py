"""Bringing a store's tables up to date: numbered migrations, run by Alembic, in one transaction."""

from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from unlike.errors import InputError

FOLDER = Path(__file__).parent / "migrations"


def migrated(engine: Engine, migrate: bool = True) -> None:
    """Run the migrations that a store lacks.

    Raises:
        InputError: The store is newer than this version, or is to be left as it is and is older.
    """
    scripts = _scripts()
    with engine.connect().execution_options(unlike_writes=migrate) as conn, conn.begin():
        there, newest = version_of(conn), scripts.get_current_head()
        if there == newest:
            return
        if there is not None and there not in {script.revision for script in scripts.walk_revisions()}:
            raise InputError(
                f"the store is of version {there}, made by a newer unlike; this one knows {newest}: update it"
            )
        if not migrate:
            raise InputError(
                f"the store is of version {there or 'none'}, not {newest}; migrate it with: unlike doctor --store"
            )
        upgrade(conn, "head")


def version_of(conn: Connection) -> str | None:
    """The number of the last migration a database has seen."""
    return MigrationContext.configure(conn).get_current_revision()


def upgrade(conn: Connection, to: str) -> None:
    """Run migrations up to a number, or to "head"."""
    scripts = _scripts()
    context = MigrationContext.configure(
        conn, opts={"fn": lambda revision, _: scripts._upgrade_revs(to, revision), "render_as_batch": True}
    )
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("create extension if not exists vector")
    with Operations.context(context):
        context.run_migrations()


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)
