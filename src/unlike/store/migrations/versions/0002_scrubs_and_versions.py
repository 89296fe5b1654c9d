"""Pending scrubs know the transaction that deleted the rows, users their last version, profiles what they were made with.

Ids of deleted records are kept, as keyed hashes.
A new store has all of this from the first migration.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, String, func, inspect, select

from unlike.store.tables import DELETED_RECORDS, PROFILE_VERSIONS, PROFILES

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what is not there."""
    conn = op.get_bind()
    if "xact" not in {column["name"] for column in inspect(conn).get_columns("scrubs")}:
        op.add_column("scrubs", Column("xact", BigInteger, nullable=False, server_default="0"))
        if conn.dialect.name == "postgresql":
            op.execute("update scrubs set xact = pg_current_xact_id()::text::bigint")
    if "made_with" not in {column["name"] for column in inspect(conn).get_columns("profiles")}:
        op.add_column("profiles", Column("made_with", String(64), nullable=False, server_default=""))
    for table in (PROFILE_VERSIONS, DELETED_RECORDS):
        table.create(conn, checkfirst=True)
    last = select(PROFILES.c.tenant, PROFILES.c.user, func.max(PROFILES.c.version))
    given = last.group_by(PROFILES.c.tenant, PROFILES.c.user)
    conn.execute(PROFILE_VERSIONS.insert().from_select(["tenant", "user", "last"], given))
