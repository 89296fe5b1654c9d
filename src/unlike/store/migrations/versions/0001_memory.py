"""The user memory: people, records, what was made of them, jobs and lineage."""

import sqlalchemy as sa
from alembic import op

from unlike.store.tables import Vector

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tenants",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("master", sa.String(length=8), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("name", name=op.f("uq_tenants_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_audit_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_of_user", "audit", ["tenant", "who"], unique=False)
    op.create_table(
        "items",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_items_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("tenant", "item_id", name=op.f("uq_items_tenant_item_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "jobs",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", NUMBER, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("run_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_jobs_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_about", "jobs", ["tenant", "kind", "subject"], unique=False)
    op.create_index("ix_jobs_due", "jobs", ["state", "run_at_ms"], unique=False)
    op.create_index(
        "ix_jobs_waiting_once",
        "jobs",
        ["tenant", "kind", "subject"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "journal",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("finish_reason", sa.String(length=40), nullable=False),
        sa.Column("wall_s", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_journal_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sa.UniqueConstraint("tenant", "key", name=op.f("uq_journal_tenant_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "users",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("master", sa.String(length=8), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("peer", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_users_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("tenant", "user_id", name=op.f("uq_users_tenant_user_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "clusterings",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("item", NUMBER, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_clusterings_item"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_clusterings_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clusterings")),
        sa.UniqueConstraint("item", "digest", name=op.f("uq_clusterings_item_digest")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "profiles",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("user", NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=12), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_profiles_tenant"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_profiles_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint("user", "version", name=op.f("uq_profiles_user_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "records",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("user", NUMBER, nullable=False),
        sa.Column("item", NUMBER, nullable=False),
        sa.Column("record_id", ID, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("rating", sa.Float(), nullable=True),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_records_item"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_records_tenant"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_records_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint("tenant", "record_id", name=op.f("uq_records_tenant_record_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_records_of_item", "records", ["item", "timestamp", "record_id"], unique=False)
    op.create_index("ix_records_of_user", "records", ["user", "timestamp", "record_id"], unique=False)
    op.create_table(
        "clustered",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("clustering", NUMBER, nullable=False),
        sa.Column("record", NUMBER, nullable=False),
        sa.Column("group", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clustering"], ["clusterings.id"], name=op.f("fk_clustered_clustering"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["record"], ["records.id"], name=op.f("fk_clustered_record"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_clustered_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clustered")),
        sa.UniqueConstraint("clustering", "record", name=op.f("uq_clustered_clustering_record")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_clustered_record"), "clustered", ["record"], unique=False)
    op.create_table(
        "differences",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("record", NUMBER, nullable=False),
        sa.Column("clustering", NUMBER, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("made_with", sa.String(length=64), nullable=False),
        sa.Column("n_peers", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clustering"], ["clusterings.id"], name=op.f("fk_differences_clustering"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["record"], ["records.id"], name=op.f("fk_differences_record"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_differences_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_differences")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_differences_clustering"), "differences", ["clustering"], unique=False)
    op.create_index(op.f("ix_differences_record"), "differences", ["record"], unique=False)
    op.create_table(
        "embeddings",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("record", NUMBER, nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("vector", Vector(), nullable=False),
        sa.ForeignKeyConstraint(["record"], ["records.id"], name=op.f("fk_embeddings_record"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_embeddings_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embeddings")),
        sa.UniqueConstraint("record", "encoder", name=op.f("uq_embeddings_record_encoder")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "journal_reads",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("call", NUMBER, nullable=False),
        sa.Column("record", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["call"], ["journal.id"], name=op.f("fk_journal_reads_call"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["record"], ["records.id"], name=op.f("fk_journal_reads_record"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_journal_reads_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_reads")),
        sa.UniqueConstraint("call", "record", name=op.f("uq_journal_reads_call_record")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_journal_reads_record"), "journal_reads", ["record"], unique=False)
    op.create_table(
        "pins",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("user", NUMBER, nullable=False),
        sa.Column("profile", NUMBER, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["profile"], ["profiles.id"], name=op.f("fk_pins_profile"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_pins_tenant"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_pins_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pins")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_pins_profile"), "pins", ["profile"], unique=False)
    op.create_index(op.f("ix_pins_user"), "pins", ["user"], unique=False)
    op.create_table(
        "profile_reads",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("profile", NUMBER, nullable=False),
        sa.Column("record", NUMBER, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["profile"], ["profiles.id"], name=op.f("fk_profile_reads_profile"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["record"], ["records.id"], name=op.f("fk_profile_reads_record"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_profile_reads_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_reads")),
        sa.UniqueConstraint("profile", "record", name=op.f("uq_profile_reads_profile_record")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_profile_reads_record"), "profile_reads", ["record"], unique=False)
    op.create_table(
        "difference_reads",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("difference", NUMBER, nullable=False),
        sa.Column("record", NUMBER, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["difference"], ["differences.id"], name=op.f("fk_difference_reads_difference"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["record"], ["records.id"], name=op.f("fk_difference_reads_record"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant"], ["tenants.id"], name=op.f("fk_difference_reads_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference_reads")),
        sa.UniqueConstraint("difference", "record", name=op.f("uq_difference_reads_difference_record")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_difference_reads_record"), "difference_reads", ["record"], unique=False)
    op.create_table(
        "profile_differences",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("tenant", NUMBER, nullable=False),
        sa.Column("profile", NUMBER, nullable=False),
        sa.Column("difference", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["difference"], ["differences.id"], name=op.f("fk_profile_differences_difference"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["profile"], ["profiles.id"], name=op.f("fk_profile_differences_profile"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant"], ["tenants.id"], name=op.f("fk_profile_differences_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_differences")),
        sa.UniqueConstraint("profile", "difference", name=op.f("uq_profile_differences_profile_difference")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_profile_differences_difference"), "profile_differences", ["difference"], unique=False)
    if op.get_context().dialect.name == "sqlite":
        _tell_how_many()


def _tell_how_many() -> None:
    """A tenant has many rows: SQLite takes ten for granted, and would go through them all to find a few by number."""
    op.execute("analyze")  # makes the table of statistics
    for table in ("items", "journal", "records", "users"):
        op.execute(f"insert into sqlite_stat1 values ('{table}', 'sqlite_autoindex_{table}_1', '1000000 500000 1')")
    op.execute("analyze sqlite_master")  # reads it again
