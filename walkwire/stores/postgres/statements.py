"""Statements: the frequent statements on PostgreSQL, written in SQLAlchemy Core, compiled once and prepared by the driver."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    String,
    any_,
    bindparam,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from walkwire.store import Selection
from walkwire.stores.postgres.driver.pool import Raw
from walkwire.stores.postgres.driver.prepared import Prepared, Row, literal
from walkwire.stores.sql.schema import edges, nodes
from walkwire.stores.sql.selections import (
    EDGE,
    HERE,
    LIMIT,
    NODE,
    SelectionShape,
    Side,
    from_side,
    neighbourhood,
    selected,
    shape_of,
)
from walkwire.stores.sql.sessions import token_states

DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]
_ONE: Any = literal_column("1")  # a literal, so that the planner sees it
# The snapshot that a statement sees: two statements with equal ones saw the same commits. Evaluated once, not for each row.
_SNAPSHOT: Any = select(literal_column("pg_current_snapshot()::text").label("snapshot")).scalar_subquery()
_LEAST: Any = literal_column("0")
_MOST: Any = literal_column("9223372036854775807")


class PostgresStatement:
    """A statement that reads. Its parameters are passed by name: strings, integers and lists of strings."""

    def __init__(self, statement: Any) -> None:
        compiled = statement.compile(dialect=DIALECT)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._names: list[str] = []

        def placed(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in constants:
                return repr(constants[name])
            if name not in self._names:
                self._names.append(name)
            return f"${self._names.index(name) + 1}"

        text = re.sub(r"%\((\w+)\)s", placed, str(compiled)).replace("%%", "%")
        self._prepared = Prepared(text, [False] * len(self._names))

    def run(self, connection: Raw, **parameters: Any) -> list[Row]:
        """Execute and return all rows."""
        values: list[bytes | None] = []
        for name in self._names:
            value = parameters[name]
            values.append((value if isinstance(value, str) else _text_of(value)).encode())
        return self._prepared.run(connection, values)


def _text_of(value: Any) -> str:
    return str(value) if isinstance(value, int) else literal(value)


def list_of(name: str, type: Any) -> Any:
    """Return a parameter that is a list."""
    return bindparam(name, type_=ARRAY(type))


def among(column: Any, name: str) -> ColumnElement[bool]:
    """Return an expression that is true if a column is in a list parameter: one statement for lists of any length."""
    return cast(ColumnElement[bool], column == any_(list_of(name, String)))


# The last column of these, and of neighbourhoods, is the snapshot.
NODES_BY_ID = PostgresStatement(select(*NODE, _SNAPSHOT).where(among(nodes.c.id, "ids")))
EDGES_BY_ID = PostgresStatement(select(*EDGE, _SNAPSHOT).where(among(edges.c.id, "ids")))
NODE_KINDS = PostgresStatement(select(nodes.c.kind).where(among(nodes.c.id, "ids")).distinct())
_CUT = select(edges.c.id, edges.c.kind, edges.c.source, edges.c.target)
CUT_EDGES = PostgresStatement(_CUT.where(among(edges.c.id, "ids")))
EDGES_AT = PostgresStatement(_CUT.where(or_(among(edges.c.source, "ids"), among(edges.c.target, "ids"))))
TOKEN_STATES = PostgresStatement(token_states(among))


def neighbourhood_of(selection: Selection) -> PostgresStatement:
    """Return the statement for `seq`, edge and far node of a selection, ordered by `seq`."""
    return _neighbourhood(shape_of(selection))


def node_and_neighbourhood_of(selection: Selection) -> PostgresStatement:
    """Return the statement for the node of a selection, in a row whose `seq` and edge are null, and for the rows of
    `neighbourhood_of`, which are only read if the node belongs to `owner`."""
    return _node_and_neighbourhood(shape_of(selection))


@cache
def _node_and_neighbourhood(shape: SelectionShape) -> PostgresStatement:
    node = select(*NODE).where(nodes.c.id == HERE).cte("node")
    around = neighbourhood(found(shape)).subquery()
    is_own = select(_ONE).where(node.c.owner == bindparam("owner", type_=String)).exists()
    no_link = [cast_to(null(), column.type) for column in (edges.c.seq, *EDGE)]
    first = [column.label(f"c{place}") for place, column in enumerate((*no_link, *node.c))]
    both = union_all(select(*first), select(*around.c).where(is_own)).subquery()
    return PostgresStatement(select(*both.c, _SNAPSHOT).order_by(both.c.c0.nulls_first()))


@cache
def _neighbourhood(shape: SelectionShape) -> PostgresStatement:
    return PostgresStatement(neighbourhood(found(shape)).add_columns(_SNAPSHOT))


def found(shape: SelectionShape) -> Any:
    """Return a subquery for `seq`, edge and `far` of the selected edges.

    It is materialised. Without that, if some nodes have very many edges, the generic plan assumes many and scans all edges in the
    order of `seq`.
    """
    if shape.is_end_of_many:
        return selected(shape, lambda side: _ends(side, shape))
    edges_found = selected(shape, lambda side: from_side(side, shape, among))
    return select(*edges_found.c).cte("found").prefix_with("MATERIALIZED")


def _ends(side: Side, shape: SelectionShape) -> Select[Any]:
    """Return a statement for the first or last edges of each pair of classes (edge, far node) that matches a selection."""
    pairs = _pairs(side)
    each: Any = _of_pair(side, pairs, shape).correlate(pairs).lateral()
    near, far, far_kind = (each.c[column.name] for column in side)
    edge = [each.c[column.name] for column in EDGE]
    statement = select(each.c.seq, *edge, far.label("far")).select_from(pairs.join(each, true()))
    if shape.by_edge:
        statement = statement.where(among(pairs.c.kind, "edge_kinds"))
    if shape.by_node:
        statement = statement.where(among(pairs.c.far_kind, "node_kinds"))
    return statement.where(near == HERE, each.c.kind == pairs.c.kind, far_kind == pairs.c.far_kind)


def _pairs(side: Side) -> Any:
    """Return a subquery for the pairs of classes at a node. Each is found by one index step from the one before."""
    order = (side.near, edges.c.kind, side.far_kind)

    def one(where: Any) -> Any:
        found = select(side.near.label("near"), edges.c.kind, side.far_kind.label("far_kind"))
        return found.where(where).order_by(*order).limit(_ONE)

    first = one(side.near == HERE).subquery()
    pairs = select(first.c.kind, first.c.far_kind).cte(recursive=True)
    after = one(tuple_(*order) > tuple_(HERE, pairs.c.kind, pairs.c.far_kind)).correlate(pairs).lateral()
    step = select(after.c.kind, after.c.far_kind).select_from(pairs.join(after, true()))
    pairs = pairs.union_all(step.where(after.c.near == HERE))
    return pairs


def _of_pair(side: Side, pairs: Any, shape: SelectionShape) -> Select[Any]:
    """The first or last edges of a pair, and some beyond it where it has fewer.

    To ask for those of the pair alone would let the planner look for them along any index that happens to be in order.
    """
    columns = (side.near, edges.c.kind, side.far_kind, edges.c.seq)
    here = (HERE, pairs.c.kind, pairs.c.far_kind)
    found = select(edges.c.seq, *EDGE).limit(LIMIT)
    if shape.end == "first":
        return found.where(tuple_(*columns) > tuple_(*here, _LEAST)).order_by(*columns)
    return found.where(tuple_(*columns) < tuple_(*here, _MOST)).order_by(*(each.desc() for each in columns))
