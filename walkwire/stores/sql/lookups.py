"""Lookups: repeat the searches and the look-ups of tasks and users that a walk made. All run inside the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from walkwire.store import Lost, Reads, kinds_searched, known_user
from walkwire.stores.sql import tasks, view


def is_any(reads: Reads) -> bool:
    """Return whether a walk searched, or looked up a task or a user."""
    return bool(reads.node_searches or reads.edge_searches or reads.tasks or reads.users)


def check(connection: Connection, reads: Reads) -> None:
    """Raise Lost, with the kinds of searches and the ids of tasks and users, unless each query finds what it found before."""
    nodes = [
        search for search, ids in reads.node_searches.items() if view.node_ids(connection, search) != ids
    ]
    edges = [
        search for search, ids in reads.edge_searches.items() if view.edge_ids(connection, search) != ids
    ]
    records = {id for id, state in reads.tasks.items() if tasks.state_of(connection, id) != state}
    for (column, value), user in reads.users.items():
        if known_user(view.user_by(connection, **{column: value})) != user:
            records.add(value if user is None else user.id)
    if nodes or edges or records:
        raise Lost(records, (), kinds_searched(nodes, edges))
