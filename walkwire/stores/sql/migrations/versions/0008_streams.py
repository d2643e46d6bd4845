"""Streams that are kept in the database, and on PostgreSQL the function by which a commit appends to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the tables, and the function. An older server may go on: what it calls stays as it is."""
    op.create_table(
        "streams",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("topic", sa.String(128), nullable=False, unique=True),
        sa.Column("epoch", sa.String(32), nullable=False),
        sa.Column("tail", sa.BigInteger, nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index("streams_due", "streams", ["due"])
    op.create_table(
        "stream_entries",
        sa.Column("stream", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        context.config.attributes["own"].install(op.get_bind())
