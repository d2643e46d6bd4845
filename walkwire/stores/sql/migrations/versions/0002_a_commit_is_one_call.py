"""PostgreSQL only: the functions that make a commit one call, and the table that records which commits were made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table and the functions, on PostgreSQL only."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    op.create_table(
        "walkwire_sessions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("tag", sa.BigInteger, nullable=False),
        sa.Column("is_fenced", sa.Boolean, nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        postgresql_with={"fillfactor": 50},
    )
    context.config.attributes["own"].install(connection)
