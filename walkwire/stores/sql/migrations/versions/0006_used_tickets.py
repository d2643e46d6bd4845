"""Tickets of WebSockets that were used: each opens one connection."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "used_tickets",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_index("used_tickets_expired", "used_tickets", ["expires"])
