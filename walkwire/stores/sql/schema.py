"""Schema: the tables of a walkwire database, the same for every SQL engine. A change here needs a migration (`migrations/`)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
of_postgres = MetaData()  # tables that only PostgreSQL has (`stores/postgres/functions`)

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
    Index("owned", "owner"),
)

# `seq` orders the neighbours of a node by creation and is never reused: the mark of a neighbourhood depends on that.
# The classes of both ends are stored here too, so that a selection by class reads no node that it does not return.
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
    Index("edges_between", "source", "target"),
    sqlite_autoincrement=True,
)

services = Table(
    "services",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created", Float, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("email", String, nullable=False),
    Column("email_key", String, nullable=False, unique=True),
    Column("password", String, nullable=False),
    Column("root_id", String(24), ForeignKey("nodes.id"), nullable=False, unique=True),
    Column("tokens", Integer, key="token_generation", nullable=False),
    Column("is_activated", Boolean, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("email_proof", String(7), nullable=False, server_default="unasked"),
)

# Which user of ours a user of an outside provider is.
identities = Table(
    "identities",
    metadata,
    Column("issuer", String, primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("user_id", String(24), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Index("identities_of", "user_id"),
)

# `server` started the task and has a lease on it until `alive_until`. Deleting the walker deletes its task.
tasks = Table(
    "tasks",
    metadata,
    Column("id", String(24), ForeignKey("nodes.id", ondelete="CASCADE"), primary_key=True),
    Column("walker", String, nullable=False),
    Column("root_id", String(24), nullable=False),
    Column("node", String),
    Column("state", String(9), nullable=False),
    Column("asked", Double),
    Column("due", Double, nullable=False),
    Column("begun", Double),
    Column("status", Integer),
    Column("reports", Text),
    Column("custom", Text),
    Column("error", Text),
    Column("server", String(32)),
    Column("alive_until", Double),
    Index(
        "pending",
        "due",
        sqlite_where=Column("state") == "PENDING",
        postgresql_where=Column("state") == "PENDING",
    ),
    Index(
        "pending_of",
        "root_id",
        sqlite_where=Column("state") == "PENDING",
        postgresql_where=Column("state") == "PENDING",
    ),
    Index(
        "begun",
        "alive_until",
        sqlite_where=Column("state") == "STARTED",
        postgresql_where=Column("state") == "STARTED",
    ),
)

# A session whose `digest` is NULL has ended; the index finds these of a user, and those that last.
sessions = Table(
    "sessions",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("root_id", String(24), ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
    Column("tokens", Integer, key="token_generation", nullable=False),
    Column("digest", String(64)),
    Column("previous", String(64)),
    Column("sealed", String(64)),
    Column("renewed", Double, nullable=False),
    Column("token_expires", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("sessions_of", "root_id", "digest"),
    Index("sessions_expired", "expires"),
)

webhook_keys = Table(
    "webhook_keys",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("name", String, nullable=False),
    Column("root_id", String(24), ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
    Column("walkers", Text, nullable=False),
    Column("nodes", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("expires", Double, nullable=False),
    UniqueConstraint("root_id", "name"),
)

# Calls with a key that were done, and their answers. `status` 0: a walk has committed a part only.
keyed_calls = Table(
    "keyed_calls",
    metadata,
    Column("root_id", String(24), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("call", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text),
    Column("is_response", Boolean, nullable=False),
    Column("made", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Index("keyed_calls_expired", "expires"),
)

used_tickets = Table(
    "used_tickets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("expires", Double, nullable=False),
    Index("used_tickets_expired", "expires"),
)

# A stream and its entries. `tail` is the number of the newest entry; `due`: when to look next for something to remove. A commit
# that appends changes `tail` only, which is in no index.
streams = Table(
    "streams",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("topic", String(128), nullable=False, unique=True),
    Column("epoch", String(32), nullable=False),
    Column("tail", BigInteger, nullable=False),
    Column("most", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("due", Double, nullable=False),
    Index("streams_due", "due"),
    postgresql_with={"fillfactor": 50},  # leaves space in each page for new versions of its rows
)

stream_entries = Table(
    "stream_entries",
    metadata,
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("made", Double, nullable=False),
    Column("message", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
