"""Commit: check what a walk read, and write what it changed, in SQLite. All runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from sqlite3 import Connection as Driver
from sqlite3 import IntegrityError
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from walkwire.store import Changes, EdgeRecord, KeyedCall, KeyTaken, Lost, NodeRecord, Reads, Selection
from walkwire.stores.sql import tasks
from walkwire.stores.sql.keyed_calls import NOT_KEYS
from walkwire.stores.sql.schema import edges, keyed_calls, nodes
from walkwire.stores.sql.selections import parameters, shape_of
from walkwire.stores.sqlite.ends import ends
from walkwire.stores.sqlite.statements import (
    EDGE_VERSIONS,
    NODE_VERSIONS,
    SqliteStatement,
    chunks,
    driver_of,
    rows_by_id,
    sequence_of,
)
from walkwire.stores.sqlite.streams import append

_FIRST: dict[str, Any] = {"version": literal_column("1")}

_NEW_NODES = SqliteStatement(
    insert(nodes).values({name: bindparam(name) for name in NodeRecord._fields} | _FIRST)
)
_NEW_EDGES = SqliteStatement(
    insert(edges).values({name: bindparam(name) for name in EdgeRecord._fields} | _FIRST)
)
_CHANGED_NODE = SqliteStatement(
    update(nodes)
    .where(nodes.c.id == bindparam("at"), nodes.c.version == bindparam("was"))
    .values(version=nodes.c.version + literal_column("1"), data=bindparam("now"), access=bindparam("grants"))
)
_CHANGED_EDGE = SqliteStatement(
    update(edges)
    .where(edges.c.id == bindparam("at"), edges.c.version == bindparam("was"))
    .values(version=edges.c.version + literal_column("1"), data=bindparam("now"))
)
_DELETED_NODES = SqliteStatement(delete(nodes).where(nodes.c.id.in_(bindparam("ids", expanding=True))))
_DELETED_EDGES = SqliteStatement(delete(edges).where(edges.c.id.in_(bindparam("ids", expanding=True))))

# Replaces a record that expired, or that an earlier commit of the same call made.
_CALL = insert_or(keyed_calls).values({name: bindparam(name) for name in KeyedCall._fields})
_PUT_CALL = SqliteStatement(
    _CALL.on_conflict_do_update(
        index_elements=["root_id", "key"],
        set_={name: _CALL.excluded[name] for name in NOT_KEYS},
        where=(keyed_calls.c.expires <= _CALL.excluded.made) | (keyed_calls.c.call == _CALL.excluded.call),
    )
)


def check_reads(driver: Driver, reads: Reads) -> None:
    """Raise Lost unless every version and mark in `reads` is what the database has."""
    if not (reads.nodes or reads.edges or reads.neighbourhoods):
        return
    records = _moved(driver, NODE_VERSIONS, reads.nodes) | _moved(driver, EDGE_VERSIONS, reads.edges)
    neighbourhoods = {
        selection.node for selection, mark in reads.neighbourhoods.items() if _mark(driver, selection) != mark
    }
    if records or neighbourhoods:
        raise Lost(records, neighbourhoods)


def write_changes(connection: Connection, changes: Changes) -> None:
    """Write all of `changes`. Raises Lost, TaskTaken or KeyTaken; the caller then rolls back."""
    driver = driver_of(connection)
    if changes.call is not None and _PUT_CALL.run(driver, changes.call._asdict()).rowcount != 1:
        raise KeyTaken
    if changes.ended_task is not None:
        tasks.end_or_raise(connection, changes.ended_task)
    for ids in chunks(changes.deleted_edges):
        _DELETED_EDGES.run(driver, {"ids": ids})
    if changes.new_nodes:
        _NEW_NODES.run_for_all(driver, changes.new_nodes)
    for node in changes.changed_nodes:
        parameters = {"at": node.id, "was": node.version, "now": node.data, "grants": node.access}
        if _CHANGED_NODE.run(driver, parameters).rowcount != 1:
            raise Lost([node.id])
    for edge in changes.changed_edges:
        parameters = {"at": edge.id, "was": edge.version, "now": edge.data}
        if _CHANGED_EDGE.run(driver, parameters).rowcount != 1:
            raise Lost([edge.id])
    if changes.new_edges:
        try:
            _NEW_EDGES.run_for_all(driver, changes.new_edges)
        except IntegrityError:  # an end of one of them was deleted
            raise Lost({end for edge in changes.new_edges for end in (edge.source, edge.target)}) from None
    if changes.new_tasks:
        tasks.add(connection, changes.new_tasks)
    for ids in chunks(changes.deleted_nodes):
        _DELETED_NODES.run(driver, {"ids": ids})
    append(driver, changes.entries)


def _moved(driver: Driver, statement: SqliteStatement, expected: Mapping[str, int]) -> set[str]:
    if not expected:
        return set()
    found = dict(rows_by_id(driver, statement, expected))
    return {key for key, version in expected.items() if found.get(key, 0) != version}


def _mark(driver: Driver, selection: Selection) -> tuple[int, ...]:
    """Return the `seq` of each selected edge: the mark of the neighbourhood."""
    if shape_of(selection).is_end_of_many:
        return tuple([row[0] for row in ends(driver, selection)])
    return tuple([row[0] for row in sequence_of(selection).run(driver, parameters(selection))])
