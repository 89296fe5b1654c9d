"""Jobs know how often in a row they were postponed because an LLM or encoder did not answer.

A new store has this from the first migration.
"""

from alembic import op
from sqlalchemy import Column, Integer, inspect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what is not there."""
    if "outages" not in {column["name"] for column in inspect(op.get_bind()).get_columns("jobs")}:
        op.add_column("jobs", Column("outages", Integer, nullable=False, server_default="0"))
