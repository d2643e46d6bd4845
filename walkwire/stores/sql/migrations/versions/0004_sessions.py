"""Sessions that are renewed by refresh tokens, and those that were ended before their tokens expired."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("root_id", sa.String(24), sa.ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64)),
        sa.Column("previous", sa.String(64)),
        sa.Column("sealed", sa.String(64)),
        sa.Column("renewed", sa.Double, nullable=False),
        sa.Column("token_expires", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("sessions_of", "sessions", ["root_id", "digest"])
    op.create_index("sessions_expired", "sessions", ["expires"])
