"""An index of the pending tasks of each user, who may have only so many."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the index."""
    is_pending = sa.column("state") == "PENDING"
    op.create_index("pending_of", "tasks", ["root_id"], sqlite_where=is_pending, postgresql_where=is_pending)
