"""Calls with a key, each of which is done once, and on PostgreSQL the function that writes one in the commit of its walk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table, and the function. An older server may go on: what it calls stays as it is."""
    op.create_table(
        "keyed_calls",
        sa.Column("root_id", sa.String(24), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("call", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("is_response", sa.Boolean, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_index("keyed_calls_expired", "keyed_calls", ["expires"])
    if op.get_bind().dialect.name == "postgresql":
        context.config.attributes["own"].install(op.get_bind())
