"""The first numbered schema. Older databases may lack some of its tables and indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create what is missing."""
    _nodes()
    _edges()
    _registers()
    _tasks()
    op.drop_table("meta", if_exists=True)  # held the version before


def _nodes() -> None:
    _table(
        "nodes",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("owner", sa.String(24), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("access", sa.Text),
    )
    _index("roots", "nodes", "kind", where="kind = ''")
    _index("owned", "nodes", "owner")


def _edges() -> None:
    _table(
        "edges",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("id", sa.String(24), nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("source", sa.String(24), sa.ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
        sa.Column("source_kind", sa.String, nullable=False),
        sa.Column("target", sa.String(24), sa.ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
        sa.Column("target_kind", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    _index("edges_out", "edges", "source", "kind", "target_kind", "seq")
    _index("edges_into", "edges", "target", "kind", "source_kind", "seq")
    _index("edges_between", "edges", "source", "target")


def _registers() -> None:
    _table(
        "services",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("created", sa.Float, nullable=False),
    )
    _table(
        "users",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("email_key", sa.String, nullable=False, unique=True),
        sa.Column("password", sa.String, nullable=False),
        sa.Column("root_id", sa.String(24), sa.ForeignKey("nodes.id"), nullable=False, unique=True),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("is_activated", sa.Boolean, nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    _table(
        "webhook_keys",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("root_id", sa.String(24), sa.ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
        sa.Column("walkers", sa.Text, nullable=False),
        sa.Column("nodes", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.UniqueConstraint("root_id", "name"),
    )


def _tasks() -> None:
    _table(
        "tasks",
        sa.Column("id", sa.String(24), sa.ForeignKey("nodes.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("walker", sa.String, nullable=False),
        sa.Column("root_id", sa.String(24), nullable=False),
        sa.Column("node", sa.String),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("asked", sa.Double),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("begun", sa.Double),
        sa.Column("status", sa.Integer),
        sa.Column("reports", sa.Text),
        sa.Column("custom", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("server", sa.String(32)),
        sa.Column("alive_until", sa.Double),
    )
    _index("pending", "tasks", "due", where="state = 'PENDING'")
    _index("begun", "tasks", "alive_until", where="state = 'STARTED'")


def _table(name: str, *parts: sa.schema.SchemaItem, **options: bool) -> None:
    op.create_table(name, *parts, if_not_exists=True, **options)


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    of = None if where is None else sa.text(where)
    op.create_index(name, table, list(columns), if_not_exists=True, sqlite_where=of, postgresql_where=of)
