"""Identities of outside providers, and whether a user has proved to own the e-mail address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table and the column. An older server may go on: the column has a default."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String, primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("identities_of", "identities", ["user_id"])
    op.add_column("users", sa.Column("email_proof", sa.String(7), nullable=False, server_default="unasked"))
