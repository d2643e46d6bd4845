"""Selections: a part of a node's neighbourhood as a statement.

A selection becomes one of a few statements, which are compiled once each: its shape is what it restricts. Where the first or the
last of many edges are wanted, an engine has its own way to find them, whose price is that of what is found.
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

# How an engine says that a column is in a list, which is a parameter of this name.
Among = Callable[[Any, str], ColumnElement[bool]]


class SelectionShape(NamedTuple):
    """What a selection restricts. `end` is which of the edges are wanted: "all", "first" or "last"."""

    direction: str
    by_edge: bool
    by_node: bool
    by_far: bool
    end: str

    @property
    def is_end_of_many(self) -> bool:
        """Whether to look at all that might be meant would be too much."""
        return self.end != "all" and not self.by_far


class Side(NamedTuple):
    """The columns of an edge, seen from one of its ends."""

    near: Any
    far: Any
    far_kind: Any


OUT = Side(edges.c.source, edges.c.target, edges.c.target_kind)
INTO = Side(edges.c.target, edges.c.source, edges.c.source_kind)
SIDES = {"out": (OUT,), "into": (INTO,), "both": (OUT, INTO)}


def shape_of(selection: Selection) -> SelectionShape:
    """The shape of a selection."""
    end = "all" if selection.limit is None else "first" if selection.limit >= 0 else "last"
    by_edge, by_node = selection.edge_kinds is not None, selection.node_kinds is not None
    return SelectionShape(selection.direction, by_edge, by_node, selection.far is not None, end)


def parameters(selection: Selection) -> dict[str, Any]:
    """What the statements of a selection's shape are to be given."""
    lists = {"edge_kinds": selection.edge_kinds, "node_kinds": selection.node_kinds, "far": selection.far}
    found: dict[str, Any] = {name: sorted(values) for name, values in lists.items() if values is not None}
    if selection.limit is not None:
        found["limit"] = abs(selection.limit)
    return found | {"node": selection.node}


def neighbourhood(found: Any) -> Select[Any]:
    """`seq`, edge and far node of each edge that was selected, in the order of `seq`."""
    edge = [found.c[column.name] for column in EDGE]
    joined = found.join(nodes, nodes.c.id == found.c.far)
    return select(found.c.seq, *edge, *NODE).select_from(joined).order_by(found.c.seq)


def sequence(found: Any) -> Select[Any]:
    """The `seq` of each edge that was selected, in their order. As none is ever used twice, it is the same at a later reading if
    and only if no edge came or went."""
    return select(found.c.seq).order_by(found.c.seq)


def selected(shape: SelectionShape, each: Callable[[Side], Select[Any]]) -> Any:
    """`seq`, edge and `far` of what is selected, as a part of a statement; `each` selects from one side."""
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
    """`seq`, edge and `far` of all that a selection may mean on one side."""
    statement = select(edges.c.seq, *EDGE, side.far.label("far")).where(side.near == HERE)
    if shape.by_edge:
        statement = statement.where(among(edges.c.kind, "edge_kinds"))
    if shape.by_node:
        statement = statement.where(among(side.far_kind, "node_kinds"))
    return statement.where(among(side.far, "far")) if shape.by_far else statement
