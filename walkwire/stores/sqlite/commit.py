"""Commit: what a commit asks of SQLite and writes to it. To be called inside a transaction, which the caller ends."""

from __future__ import annotations

from collections.abc import Mapping
from sqlite3 import Connection as Driver
from sqlite3 import IntegrityError
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, update

from walkwire.store import Changes, EdgeRecord, Lost, NodeRecord, Reads, Selection
from walkwire.stores.sql import tasks
from walkwire.stores.sql.schema import edges, nodes
from walkwire.stores.sql.selections import parameters, shape_of
from walkwire.stores.sqlite.ends import ends
from walkwire.stores.sqlite.statements import (
    EDGE_VERSIONS,
    NODE_VERSIONS,
    Statement,
    chunks,
    rows_by_id,
    sequence_of,
)
from walkwire.stores.sqlite.view import driver_of

_FIRST: dict[str, Any] = {"version": literal_column("1")}

_NEW_NODES = Statement(insert(nodes).values({name: bindparam(name) for name in NodeRecord._fields} | _FIRST))
_NEW_EDGES = Statement(insert(edges).values({name: bindparam(name) for name in EdgeRecord._fields} | _FIRST))
_CHANGED_NODE = Statement(
    update(nodes)
    .where(nodes.c.id == bindparam("at"), nodes.c.version == bindparam("was"))
    .values(version=nodes.c.version + literal_column("1"), data=bindparam("now"), access=bindparam("grants"))
)
_CHANGED_EDGE = Statement(
    update(edges)
    .where(edges.c.id == bindparam("at"), edges.c.version == bindparam("was"))
    .values(version=edges.c.version + literal_column("1"), data=bindparam("now"))
)
_DELETED_NODES = Statement(delete(nodes).where(nodes.c.id.in_(bindparam("ids", expanding=True))))
_DELETED_EDGES = Statement(delete(edges).where(edges.c.id.in_(bindparam("ids", expanding=True))))


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
    """Write all of `changes`, or raise Lost or TaskTaken."""
    driver = driver_of(connection)
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
        except IntegrityError:  # an end of one of them is gone
            raise Lost({end for edge in changes.new_edges for end in (edge.source, edge.target)}) from None
    if changes.new_tasks:
        tasks.add(connection, changes.new_tasks)
    for ids in chunks(changes.deleted_nodes):
        _DELETED_NODES.run(driver, {"ids": ids})


def _moved(driver: Driver, statement: Statement, expected: Mapping[str, int]) -> set[str]:
    if not expected:
        return set()
    found = dict(rows_by_id(driver, statement, expected))
    return {key for key, version in expected.items() if found.get(key, 0) != version}


def _mark(driver: Driver, selection: Selection) -> tuple[int, ...]:
    """The numbers of the edges, none of which is ever used twice."""
    if shape_of(selection).is_end_of_many:
        return tuple([row[0] for row in ends(driver, selection)])
    return tuple([row[0] for row in sequence_of(selection).run(driver, parameters(selection))])
