"""Ends: the first or last of a node's many edges, in SQLite.

The index orders edges by node, class of the edge, class of the far node, and `seq`. So one statement for each step finds the
pairs of classes at the node, each from the one before, and another finds the ends of each pair. SQLite scans all entries of a
pair if several columns are compared at once; compared one at a time, it skips them.
"""

from __future__ import annotations

from collections.abc import Iterator
from sqlite3 import Connection
from typing import Any

from sqlalchemy import Select, String, bindparam, select

from walkwire.store import Selection
from walkwire.stores.sql.schema import edges, nodes
from walkwire.stores.sql.selections import EDGE, HERE, LIMIT, NODE, OUT, SIDES, Side
from walkwire.stores.sqlite.statements import SqliteStatement

_KIND = bindparam("kind", type_=String)
_FAR_KIND = bindparam("far_kind", type_=String)

_Pair = tuple[str, str]


def ends(connection: Connection, selection: Selection) -> list[Any]:
    """Return `seq`, edge and far node of each edge of a selection with a limit, ordered by `seq`.

    Call it in a transaction, so that all its statements see the same snapshot.
    """
    assert selection.limit is not None
    found: dict[int, Any] = {}
    for side in SIDES[selection.direction]:
        for pair in _pairs(connection, side, selection):
            statement = _STATEMENTS[side is OUT][selection.limit < 0]
            given = {"node": selection.node, "limit": abs(selection.limit), **pair}
            found.update((row[0], row) for row in statement.run(connection, given))
    in_order = [found[seq] for seq in sorted(found)]
    return in_order[: selection.limit] if selection.limit >= 0 else in_order[selection.limit :]


def _pairs(connection: Connection, side: Side, selection: Selection) -> Iterator[dict[str, str]]:
    """Yield the pairs of classes at a node that match a selection."""
    first, in_kind, next_kind = _STEPS[side is OUT]
    pair = first.run(connection, {"node": selection.node}).fetchone()
    while pair is not None:
        kind, far_kind = pair
        here = {"node": selection.node, "kind": kind, "far_kind": far_kind}
        is_edge = selection.edge_kinds is None or kind in selection.edge_kinds
        if is_edge and (selection.node_kinds is None or far_kind in selection.node_kinds):
            yield {"kind": kind, "far_kind": far_kind}
        pair = (is_edge and in_kind.run(connection, here).fetchone()) or next_kind.run(
            connection, here
        ).fetchone()


def _steps(side: Side) -> tuple[SqliteStatement, SqliteStatement, SqliteStatement]:
    here = select(edges.c.kind, side.far_kind).where(side.near == HERE).limit(1)
    in_kind = here.where(edges.c.kind == _KIND, side.far_kind > _FAR_KIND).order_by(side.far_kind)
    in_order = here.order_by(edges.c.kind, side.far_kind)
    next_kind = in_order.where(edges.c.kind > _KIND)
    return SqliteStatement(in_order), SqliteStatement(in_kind), SqliteStatement(next_kind)


def _of_pair(side: Side, order: Any) -> Select[Any]:
    """Return a statement for the first edges of one pair of classes, in the given order."""
    found = select(edges.c.seq, *EDGE, *NODE).join(nodes, nodes.c.id == side.far)
    of_pair = found.where(side.near == HERE, edges.c.kind == _KIND, side.far_kind == _FAR_KIND)
    return of_pair.order_by(order).limit(LIMIT)


_BOTH: tuple[Side, ...] = SIDES["both"]
_STEPS = {side is OUT: _steps(side) for side in _BOTH}
_STATEMENTS = {
    side is OUT: {
        is_last: SqliteStatement(_of_pair(side, edges.c.seq.desc() if is_last else edges.c.seq))
        for is_last in (False, True)
    }
    for side in _BOTH
}
