"""Schema: the tables of a walkwire database, the same for every SQL engine."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

VERSION = 1

metadata = MetaData()

meta = Table("meta", metadata, Column("version", Integer, nullable=False))

nodes = Table(
    "nodes",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("kind", String, nullable=False),
    Column("owner", String(24), nullable=False),
    Column("version", Integer, nullable=False),
    Column("data", Text, nullable=False),
    Column("access", Text),
    Index("roots", "kind", sqlite_where=Column("kind") == "", postgresql_where=Column("kind") == ""),
)

# `seq` gives neighbours the order in which they came, and is never used twice: the mark of a neighbourhood rests on that.
# The classes of both ends stand here too, so that a selection by class touches no node that it does not want.
edges = Table(
    "edges",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("source", String(24), ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
    Column("source_kind", String, nullable=False),
    Column("target", String(24), ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
    Column("target_kind", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("data", Text, nullable=False),
    Index("edges_out", "source", "kind", "target_kind", "seq"),
    Index("edges_into", "target", "kind", "source_kind", "seq"),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("email", String, nullable=False),
    Column("email_key", String, nullable=False, unique=True),
    Column("password", String, nullable=False),
    Column("root_id", String(24), ForeignKey("nodes.id"), nullable=False, unique=True),
    Column("tokens", Integer, nullable=False),
    Column("is_activated", Boolean, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("state", Text, nullable=False),
)
