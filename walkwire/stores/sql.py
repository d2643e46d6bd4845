"""SQL: what every SQL engine is asked, in SQLAlchemy Core. Connections, and who may write when, are the engine's own file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from walkwire.store import (
    Changes,
    EdgeRecord,
    Lost,
    Neighbourhood,
    NodeRecord,
    Reads,
    Search,
    Selection,
    TaskRecord,
    UserExists,
    UserRecord,
)
from walkwire.stores import tasks
from walkwire.stores.ends import ends
from walkwire.stores.schema import edges, nodes, users
from walkwire.stores.selections import (
    EDGE,
    NODE,
    Shape,
    from_side,
    neighbourhood,
    parameters,
    selected,
    sequence,
    shape_of,
)

_CHUNK = 900  # ids in one statement: SQLite before 3.32 takes 999 parameters

_EDGE_WIDTH = len(EDGE)

_NODES_BY_ID = select(*NODE).where(nodes.c.id.in_(bindparam("ids", expanding=True)))
_EDGES_BY_ID = select(*EDGE).where(edges.c.id.in_(bindparam("ids", expanding=True)))
_ROOTS = select(*NODE).where(nodes.c.kind == "").order_by(nodes.c.id)
_NODE_VERSIONS = select(nodes.c.id, nodes.c.version).where(nodes.c.id.in_(bindparam("ids", expanding=True)))
_EDGE_VERSIONS = select(edges.c.id, edges.c.version).where(edges.c.id.in_(bindparam("ids", expanding=True)))
_TOKENS = select(users.c.root_id, users.c.tokens).where(
    users.c.root_id.in_(bindparam("ids", expanding=True)), users.c.is_activated
)
_NEW_NODES = insert(nodes)
_NEW_EDGES = insert(edges)
_CHANGED_NODE = (
    update(nodes)
    .where(nodes.c.id == bindparam("at"), nodes.c.version == bindparam("was"))
    .values(version=nodes.c.version + 1, data=bindparam("now"), access=bindparam("grants"))
)
_CHANGED_EDGE = (
    update(edges)
    .where(edges.c.id == bindparam("at"), edges.c.version == bindparam("was"))
    .values(version=edges.c.version + 1, data=bindparam("now"))
)
_DELETED_NODES = delete(nodes).where(nodes.c.id.in_(bindparam("ids", expanding=True)))
_DELETED_EDGES = delete(edges).where(edges.c.id.in_(bindparam("ids", expanding=True)))


class SqlView:
    """The reads of `store.View`, on one open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        rows = _rows_by_id(self._connection, _NODES_BY_ID, ids)
        return [NodeRecord(*row) for row in rows]

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        rows = _rows_by_id(self._connection, _EDGES_BY_ID, ids)
        return [EdgeRecord(*row) for row in rows]

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        rows = _pairs(self._connection, selection)
        pairs = [(EdgeRecord(*row[1 : 1 + _EDGE_WIDTH]), NodeRecord(*row[1 + _EDGE_WIDTH :])) for row in rows]
        return Neighbourhood(pairs, tuple(row[0] for row in rows))

    def roots(self) -> list[NodeRecord]:
        return [NodeRecord(*row) for row in self._connection.execute(_ROOTS)]

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        statement = _fitting(select(*NODE), search, nodes.c.id, nodes.c.kind)
        return [NodeRecord(*row) for row in self._connection.execute(statement.order_by(nodes.c.id))]

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        leaving = select(*EDGE).join(nodes, nodes.c.id == edges.c.source)
        statement = _fitting(leaving, search, edges.c.id, edges.c.kind)
        return [EdgeRecord(*row) for row in self._connection.execute(statement.order_by(edges.c.seq))]

    def load_task(self, id: str) -> TaskRecord | None:
        return tasks.load(self._connection, id)


def check_reads(connection: Connection, reads: Reads) -> None:
    """Raise Lost unless every version and mark in `reads` is what the database has. To be called inside a transaction."""
    records = _moved(connection, _NODE_VERSIONS, reads.nodes)
    records |= _moved(connection, _EDGE_VERSIONS, reads.edges)
    neighbourhoods = {
        selection.node
        for selection, mark in reads.neighbourhoods.items()
        if _mark(connection, selection) != mark
    }
    if records or neighbourhoods:
        raise Lost(records, neighbourhoods)


def write_changes(connection: Connection, changes: Changes) -> None:
    """Write all of `changes`, or raise Lost or TaskTaken. To be called inside a transaction, which the caller ends."""
    if changes.ended_task is not None:
        tasks.end_or_raise(connection, changes.ended_task)
    if changes.deleted_edges:
        for ids in _chunks(changes.deleted_edges):
            connection.execute(_DELETED_EDGES, {"ids": ids})
    if changes.new_nodes:
        connection.execute(_NEW_NODES, [record._asdict() | {"version": 1} for record in changes.new_nodes])
    for node in changes.changed_nodes:
        parameters = {"at": node.id, "was": node.version, "now": node.data, "grants": node.access}
        if connection.execute(_CHANGED_NODE, parameters).rowcount != 1:
            raise Lost([node.id])
    for edge in changes.changed_edges:
        parameters = {"at": edge.id, "was": edge.version, "now": edge.data}
        if connection.execute(_CHANGED_EDGE, parameters).rowcount != 1:
            raise Lost([edge.id])
    if changes.new_edges:
        try:
            connection.execute(
                _NEW_EDGES, [record._asdict() | {"version": 1} for record in changes.new_edges]
            )
        except IntegrityError:  # an end of one of them is gone
            raise Lost({end for edge in changes.new_edges for end in (edge.source, edge.target)}) from None
    if changes.new_tasks:
        tasks.add(connection, changes.new_tasks)
    for ids in _chunks(changes.deleted_nodes):
        connection.execute(_DELETED_NODES, {"ids": ids})


def add_user(connection: Connection, user: UserRecord) -> None:
    """Write a user and its root. Raises UserExists."""
    root = NodeRecord(user.root_id, "", user.root_id, 1, "{}")
    connection.execute(_NEW_NODES, [root._asdict()])
    row = user._asdict() | {"email_key": user.email.casefold(), "state": json.dumps(dict(user.state))}
    try:
        connection.execute(insert(users), [row])
    except IntegrityError:
        raise UserExists(user.email) from None


def user_by(connection: Connection, **column: str) -> UserRecord | None:
    """The user whose `email_key` or `id` is the one given."""
    ((name, value),) = column.items()
    columns = [users.c[field] for field in UserRecord._fields]
    row = connection.execute(select(*columns).where(users.c[name] == value)).first()
    return UserRecord(*row)._replace(state=json.loads(row[-1])) if row else None


def change_password(connection: Connection, user_id: str, old: str, new: str) -> bool:
    """Replace a hash and count `tokens` up; False where the hash is not `old` any more."""
    statement = (
        update(users)
        .where(users.c.id == user_id, users.c.password == old)
        .values(password=new, tokens=users.c.tokens + 1)
    )
    return connection.execute(statement).rowcount == 1


def _fitting(statement: Select[Any], search: Search, id: Any, kind: Any) -> Select[Any]:
    for column, wanted in ((id, search.ids), (kind, search.kinds), (nodes.c.owner, search.owners)):
        if wanted is not None:
            statement = statement.where(column.in_(sorted(wanted)))
    return statement


def tokens_of(connection: Connection, root_ids: Sequence[str]) -> dict[str, int]:
    """The counts of tokens of active users, by their roots."""
    return {row[0]: row[1] for row in _rows_by_id(connection, _TOKENS, root_ids)}


def _rows_by_id(connection: Connection, statement: Select[Any], ids: Sequence[str]) -> Iterator[Any]:
    for chunk in _chunks(ids):
        yield from connection.execute(statement, {"ids": chunk})


def _moved(connection: Connection, statement: Select[Any], expected: dict[str, int]) -> set[str]:
    found = {row[0]: row[1] for row in _rows_by_id(connection, statement, list(expected))}
    return {key for key, version in expected.items() if found.get(key, 0) != version}


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


_neighbourhoods: dict[Shape, Select[Any]] = {}
_sequences: dict[Shape, Select[Any]] = {}


def _pairs(connection: Connection, selection: Selection) -> Sequence[Any]:
    shape = shape_of(selection)
    if shape.is_end_of_many:
        return ends(connection, selection)
    if shape not in _neighbourhoods:
        _neighbourhoods[shape] = neighbourhood(_found(shape))
    return connection.execute(_neighbourhoods[shape], parameters(selection)).all()


def _mark(connection: Connection, selection: Selection) -> tuple[int, ...]:
    """The numbers of the edges, none of which is ever used twice."""
    shape = shape_of(selection)
    if shape.is_end_of_many:
        return tuple(row[0] for row in ends(connection, selection))
    if shape not in _sequences:
        _sequences[shape] = sequence(_found(shape))
    return tuple(connection.execute(_sequences[shape], parameters(selection)).scalars())


def _found(shape: Shape) -> Any:
    return selected(shape, lambda side: from_side(side, shape, _among))


def _among(column: Any, name: str) -> ColumnElement[bool]:
    return cast(ColumnElement[bool], column.in_(bindparam(name, expanding=True)))
