"""Selections: statements that read a part of a node's neighbourhood.

A selection is read by one of a few statements, each compiled once for a shape: the set of restrictions that it has. For the first
or last of many edges, each engine has its own statement whose cost depends on the edges found, not on all edges of the node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, String, bindparam, select, union_all

from walkwire.store import Selection
from walkwire.stores.sql.schema import edges, nodes

NODE = (nodes.c.id, nodes.c.kind, nodes.c.owner, nodes.c.version, nodes.c.data, nodes.c.access)
EDGE = (
    edges.c.id,
    edges.c.kind,
    edges.c.source,
    edges.c.source_kind,
    edges.c.target,
    edges.c.target_kind,
    edges.c.version,
    edges.c.data,
)
HERE = bindparam("node", type_=String)
LIMIT = bindparam("limit", type_=Integer)

# Return an expression that is true if a column is in a list. The list is the parameter of this name.
Among = Callable[[Any, str], ColumnElement[bool]]


class SelectionShape(NamedTuple):
    """Which restrictions a selection has. `end` says which of the edges are wanted: "all", "first" or "last"."""

    direction: str
    by_edge: bool
    by_node: bool
    by_far: bool
    end: str

    @property
    def is_end_of_many(self) -> bool:
        """Whether reading all candidates and then cutting them would cost too much."""
        return self.end != "all" and not self.by_far


class Side(NamedTuple):
    """The columns of an edge, as seen from one of its ends."""

    near: Any
    far: Any
    far_kind: Any


OUT = Side(edges.c.source, edges.c.target, edges.c.target_kind)
INTO = Side(edges.c.target, edges.c.source, edges.c.source_kind)
SIDES = {"out": (OUT,), "into": (INTO,), "both": (OUT, INTO)}


def shape_of(selection: Selection) -> SelectionShape:
    """Return the shape of a selection."""
    end = "all" if selection.limit is None else "first" if selection.limit >= 0 else "last"
    by_edge, by_node = selection.edge_kinds is not None, selection.node_kinds is not None
    return SelectionShape(selection.direction, by_edge, by_node, selection.far is not None, end)


def parameters(selection: Selection) -> dict[str, Any]:
    """Return the parameters for the statements of a selection's shape."""
    lists = {"edge_kinds": selection.edge_kinds, "node_kinds": selection.node_kinds, "far": selection.far}
    found: dict[str, Any] = {name: sorted(values) for name, values in lists.items() if values is not None}
    if selection.limit is not None:
        found["limit"] = abs(selection.limit)
    return found | {"node": selection.node}


def neighbourhood(found: Any) -> Select[Any]:
    """Return a statement for `seq`, edge and far node of each selected edge, ordered by `seq`."""
    edge = [found.c[column.name] for column in EDGE]
    joined = found.join(nodes, nodes.c.id == found.c.far)
    return select(found.c.seq, *edge, *NODE).select_from(joined).order_by(found.c.seq)


def sequence(found: Any) -> Select[Any]:
    """Return a statement for the `seq` of each selected edge, in order: the mark of a neighbourhood.

    No `seq` is ever reused, so the result is the same at a later read if and only if no edge was added or removed.
    """
    return select(found.c.seq).order_by(found.c.seq)


def selected(shape: SelectionShape, each: Callable[[Side], Select[Any]]) -> Any:
    """Return a subquery for `seq`, edge and `far` of the selected edges. `each` returns the statement for one side."""
    sides = [each(side) for side in SIDES[shape.direction]]
    if len(sides) == 2:  # an edge from a node to itself is one edge
        into = sides[1].subquery()
        sides[1] = select(*into.c).where(into.c.far != HERE)
    found = (sides[0] if len(sides) == 1 else union_all(*sides)).subquery()
    if shape.end == "all":
        return found
    order = found.c.seq if shape.end == "first" else found.c.seq.desc()
    return select(*found.c).order_by(order).limit(LIMIT).subquery()


def from_side(side: Side, shape: SelectionShape, among: Among) -> Select[Any]:
    """Return a statement for `seq`, edge and `far` of all edges on one side that match a selection."""
    statement = select(edges.c.seq, *EDGE, side.far.label("far")).where(side.near == HERE)
    if shape.by_edge:
        statement = statement.where(among(edges.c.kind, "edge_kinds"))
    if shape.by_node:
        statement = statement.where(among(side.far_kind, "node_kinds"))
    return statement.where(among(side.far, "far")) if shape.by_far else statement
