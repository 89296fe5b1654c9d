"""Bringing a store's tables up to date: numbered migrations, run by Alembic, in one transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select

from unlike.errors import InputError

FOLDER = Path(__file__).parent / "migrations"
ALONE = 0x756E6C696B65
"""PostgreSQL's advisory lock under which one process migrates and the others wait."""


def migrated(engine: Engine, migrate: bool = True) -> None:
    """Run the migrations that a store lacks.

    Raises:
        InputError: The store is newer than this version, or is to be left as it is and is older.
    """
    with engine.connect() as conn, conn.begin():
        if _is_up_to_date(conn, migrate):
            return
    with engine.connect().execution_options(unlike_begin="begin immediate") as conn, conn.begin():
        if conn.dialect.name == "postgresql":
            conn.execute(select(func.pg_advisory_xact_lock(ALONE)))
            conn.exec_driver_sql("create extension if not exists vector")
        upgrade(conn, "head")


def version_of(conn: Connection) -> str | None:
    """The number of the last migration a database has seen."""
    return MigrationContext.configure(conn).get_current_revision()


def upgrade(conn: Connection, to: str) -> None:
    """Run migrations up to a number, or to "head", in the open transaction."""
    config = _config()
    config.attributes["connection"] = conn
    command.upgrade(config, to)


def _is_up_to_date(conn: Connection, migrate: bool) -> bool:
    scripts = ScriptDirectory.from_config(_config())
    there, newest = version_of(conn), scripts.get_current_head()
    if there is not None and there not in {script.revision for script in scripts.walk_revisions()}:
        raise InputError(f"the store is of version {there}, made by a newer unlike; this one knows {newest}: update it")
    if there != newest and not migrate:
        raise InputError(
            f"the store is of version {there or 'none'}, not {newest}; migrate it with: unlike doctor --store"
        )
    return there == newest


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
