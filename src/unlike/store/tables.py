"""The tables. A row of a user's goes when the user goes: foreign keys cascade, so nothing has to be remembered.

Lineage: ``difference_reads`` names the records whose words a difference holds, its clustering the set that was
clustered; ``profile_reads`` and ``profile_differences`` do the same for profiles. Numbers of rows are never given
again (autoincrement), so that a left-over number can never come to mean someone else.
"""

from typing import Any

import numpy as np
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Vector(TypeDecorator[Any]):
    """A float32 vector: pgvector's type on PostgreSQL, its bytes on SQLite."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the database knows."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(LargeBinary())
        from pgvector.sqlalchemy import Vector as PgVector

        return dialect.type_descriptor(PgVector())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - SQLAlchemy's signature
        """To the database."""
        row = np.asarray(value, np.float32)
        return row if dialect.name == "postgresql" else row.tobytes()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - SQLAlchemy's signature
        """From the database: (dim,) float32."""
        if dialect.name == "postgresql":
            return np.asarray(value, np.float32)
        return np.frombuffer(value, np.float32)


_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_ID = Text().with_variant(Text(collation="C"), "postgresql")
"""An id from outside: ordered by code point, as Python orders it, whatever the database's language."""


def _table(name: str, *parts: Any) -> Table:  # noqa: ANN401 - columns and constraints
    """A table with a number of its own and its tenant."""
    return Table(
        name,
        METADATA,
        Column("id", _NUMBER, primary_key=True, autoincrement=True),
        Column("tenant", _NUMBER, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
        *parts,
        sqlite_autoincrement=True,
    )


def _of(table: str, name: str = "", nullable: bool = False, index: bool = True) -> Column[Any]:
    """A column that names a row of another table and goes with it; no index where another one begins with it."""
    column = name or table.removesuffix("s")
    return Column(column, _NUMBER, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable, index=index)


TENANTS = Table(
    "tenants",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("master", String(8), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

USERS = _table(
    "users",
    Column("user_id", _ID, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("master", String(8), nullable=False),
    Column("own", Boolean, nullable=False),
    Column("peer", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("tenant", "user_id"),
)

ITEMS = _table(
    "items",
    Column("item_id", _ID, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("title_user", _NUMBER, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("description_user", _NUMBER, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    UniqueConstraint("tenant", "item_id"),
)

CONSENTS = _table(
    "consents",
    _of("users"),
    Column("own", Boolean, nullable=False),
    Column("peer", Boolean, nullable=False),
    Column("source", String(16), nullable=False),
    Column("wording", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

ERASURES = _table(
    "erasures",
    Column("who", String(64), nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("receipt", JSON),
    Column("scrub", _NUMBER),
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("tenant", "who"),
)

DELETED_RECORDS = _table(
    "deleted_records",
    Column("name", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("tenant", "name"),
)

SCRUBS = Table(
    "scrubs",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("owed_ms", BigInteger, nullable=False),
    Column("xact", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""Scrubs that are pending; ``xact`` is the number of PostgreSQL's transaction that deleted the rows, 0 in SQLite."""

RECORDS = _table(
    "records",
    _of("users", index=False),
    _of("items", index=False),
    Column("record_id", _ID, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("rating", Float),
    Column("timestamp", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("tenant", "record_id"),
    Index("ix_records_of_user", "user", "timestamp", "record_id"),
    Index("ix_records_of_item", "item", "timestamp", "record_id"),
)

EMBEDDINGS = _table(
    "embeddings",
    _of("records", index=False),
    Column("encoder", Text, nullable=False),
    Column("vector", Vector, nullable=False),
    UniqueConstraint("record", "encoder"),
)

CLUSTERINGS = _table(
    "clusterings",
    _of("items", index=False),
    Column("digest", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("item", "digest"),
)

CLUSTERED = _table(
    "clustered",
    _of("clusterings", index=False),
    _of("records"),
    Column("group", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    UniqueConstraint("clustering", "record"),
)

DIFFERENCES = _table(
    "differences",
    _of("records"),
    _of("clusterings", nullable=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("people", JSON, nullable=False),
    Column("made_with", String(64), nullable=False),
    Column("n_peers", Integer, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("stale", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

DIFFERENCE_READS = _table(
    "difference_reads",
    _of("differences", index=False),
    _of("records"),
    Column("role", String(8), nullable=False),
    UniqueConstraint("difference", "record"),
)

PROFILES = _table(
    "profiles",
    _of("users", index=False),
    Column("version", Integer, nullable=False),
    Column("origin", String(12), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("people", JSON, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("stale", Boolean, nullable=False),
    Column("made_with", String(64), nullable=False, server_default=""),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("user", "version"),
)

PROFILE_VERSIONS = _table(
    "profile_versions",
    _of("users", index=False),
    Column("last", Integer, nullable=False),
    UniqueConstraint("user"),
)
"""The last version that a user's profile had, also where it was deleted: no number is given twice.

Not a column of ``users``, whose rows are locked by all who read the users' records.
"""

PROFILE_READS = _table(
    "profile_reads",
    _of("profiles", index=False),
    _of("records"),
    Column("role", String(8), nullable=False),
    UniqueConstraint("profile", "record"),
)

PROFILE_DIFFERENCES = _table(
    "profile_differences",
    _of("profiles", index=False),
    _of("differences"),
    UniqueConstraint("profile", "difference"),
)

PINS = _table(
    "pins",
    _of("users"),
    _of("profiles", nullable=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("people", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

JOBS = _table(
    "jobs",
    Column("kind", String(16), nullable=False),
    Column("subject", _NUMBER, nullable=False),
    Column("state", String(8), nullable=False),
    Column("run_at_ms", BigInteger, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("lease", String(32), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("outages", Integer, nullable=False, server_default="0"),
    Column("error", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index(
        "ix_jobs_waiting_once",
        "tenant",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("ix_jobs_due", "state", "run_at_ms"),
    Index("ix_jobs_of_tenant", "tenant", "state", "run_at_ms"),
    Index("ix_jobs_about", "tenant", "kind", "subject"),
)

JOURNAL = _table(
    "journal",
    _of("users"),
    _of("profiles", nullable=True),
    Column("key", String(64), nullable=False),
    Column("model", Text, nullable=False),
    Column("step", String(40), nullable=False),
    Column("state", String(8)),
    Column("sealed", LargeBinary),
    Column("prompt", LargeBinary),
    Column("people", JSON, nullable=False),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("finish_reason", String(40)),
    Column("wall_s", Float),
    Column("attempts", Integer),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("tenant", "key"),
)
"""Calls; what belongs to an answer is NULL where only a prompt is kept."""

JOURNAL_READS = _table(
    "journal_reads",
    _of("journal", "call", index=False),
    _of("records"),
    UniqueConstraint("call", "record"),
)

JOURNAL_SOURCES = _table(
    "journal_sources",
    _of("journal", "call", index=False),
    _of("users"),
    UniqueConstraint("call", "user"),
)
"""Other users who described an item that is in a kept prompt."""

AUDIT = _table(
    "audit",
    Column("at_ms", BigInteger, nullable=False),
    Column("what", String(40), nullable=False),
    Column("who", String(64), nullable=False),
    Column("by", String(200), nullable=False),
    Column("counts", JSON, nullable=False),
    Index("ix_audit_of_user", "tenant", "who"),
)

API_KEYS = _table(
    "api_keys",
    Column("name", String(200), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("expires_ms", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    UniqueConstraint("tenant", "name"),
)

SPEND = _table(
    "spend",
    Column("day", String(10), nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("calls", BigInteger, nullable=False),
    UniqueConstraint("tenant", "day"),
)
