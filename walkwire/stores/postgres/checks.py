"""Checks and writes: the statements of a commit, in SQLAlchemy Core.

A commit is sent in one go, and nobody is there to decide in its midst. So each of its checks, when something is not so, leaves a
mark in the transaction, and gives a row that names it; what is written is written only where there is no mark.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from walkwire.store import EdgeRecord, NodeRecord, Selection, TaskEnd, TaskRecord
from walkwire.stores.postgres.statements import Statement, among, found, given, list_of
from walkwire.stores.schema import edges, nodes, tasks
from walkwire.stores.selections import Shape, shape_of

_MARK: Any = literal_column("set_config('walkwire.lost', '1', true)")
_NO_MARK: Any = literal_column("coalesce(current_setting('walkwire.lost', true), '') = ''", Boolean)

# Locks

_locks = given(("number", BigInteger), ("alone", Boolean))
LOCK = Statement(
    select(
        func.count(
            case(
                (_locks.c.alone, func.pg_advisory_xact_lock(_locks.c.number)),
                else_=func.pg_advisory_xact_lock_shared(_locks.c.number),
            )
        )
    )
)
_crowd = given(("number", BigInteger))
HELD = Statement(
    select(_crowd.c.number, _MARK).where(not_(func.pg_try_advisory_xact_lock_shared(_crowd.c.number)))
)

# Checks: a row for what is not so


def _changed(table: Table) -> Statement:
    expected = given(("id", String), ("version", Integer))
    both = expected.outerjoin(table, table.c.id == expected.c.id)
    is_other = func.coalesce(table.c.version, 0) != expected.c.version
    return Statement(select(expected.c.id, _MARK).select_from(both).where(is_other))


def _absent() -> Statement:
    expected = given(("id", String))
    return Statement(select(expected.c.id, _MARK).where(not_(exists().where(nodes.c.id == expected.c.id))))


CHANGED_NODES = _changed(nodes)
CHANGED_EDGES = _changed(edges)
ABSENT_NODES = _absent()
# Edges at nodes that are to be deleted, which were not there when their ends were looked up.
OTHER_EDGES_AT = Statement(
    select(edges.c.id, _MARK).where(
        or_(among(edges.c.source, "ids"), among(edges.c.target, "ids")), not_(among(edges.c.id, "known"))
    )
)


def changed_neighbourhood(selection: Selection) -> Statement:
    """A row where the numbers of a selection's edges are not those of the list `mark`."""
    return _changed_neighbourhood(shape_of(selection))


@cache
def _changed_neighbourhood(shape: Shape) -> Statement:
    edge = found(shape)
    seqs = func.array_agg(aggregate_order_by(edge.c.seq, edge.c.seq))
    now = select(func.coalesce(seqs, literal_column("'{}'::bigint[]")).label("seqs")).subquery()
    return Statement(select(_MARK).where(now.c.seqs != list_of("mark", BigInteger)))


# Writes


def _insert(table: Table, columns: dict[str, Any]) -> Statement:
    rows = given(*columns.items(), place="place")
    values = select(*(rows.c[name] for name in columns), literal_column("1"))
    return Statement(
        insert(table).from_select([*columns, "version"], values.where(_NO_MARK).order_by(rows.c.place))
    )


def _update(table: Table, columns: dict[str, Any]) -> Statement:
    """Raises an error in the database where not every row was there in its version: who keeps to the locks never sees it."""
    rows = given(("id", String), ("version", Integer), *columns.items())
    of_row = and_(table.c.id == rows.c.id, table.c.version == rows.c.version, _NO_MARK)
    values = {name: rows.c[name] for name in columns} | {"version": table.c.version + 1}
    done = update(table).where(of_row).values(values).returning(table.c.id).cte("done")
    is_short = and_(_NO_MARK, func.count(done.c.id) != func.cardinality(list_of("id", String)))
    return Statement(select(literal_column("1") / case((is_short, 0), else_=1)))


def _strings(record: Any) -> dict[str, Any]:
    return {
        name: Text if name in ("data", "access") else String for name in record._fields if name != "version"
    }


NEW_NODES = _insert(nodes, _strings(NodeRecord))
NEW_EDGES = _insert(edges, _strings(EdgeRecord))
WRITTEN_NODES = _update(nodes, {"data": Text, "access": Text})
WRITTEN_EDGES = _update(edges, {"data": Text})
DELETED_NODES = Statement(delete(nodes).where(among(nodes.c.id, "ids"), _NO_MARK))
DELETED_EDGES = Statement(delete(edges).where(among(edges.c.id, "ids"), _NO_MARK))


def _new_task() -> Statement:
    names = TaskRecord._fields
    values = select(*(bindparam(name, type_=tasks.c[name].type) for name in names))
    return Statement(insert(tasks).from_select(list(names), values.where(_NO_MARK)))


def _ended_task() -> Statement:
    mine = and_(
        tasks.c.id == bindparam("id", type_=String),
        tasks.c.server == bindparam("by", type_=String),
        tasks.c.state == literal_column("'STARTED'"),
        _NO_MARK,
    )
    told = [name for name in TaskEnd._fields if name not in ("id", "server")]
    values = {name: bindparam(f"new_{name}", type_=tasks.c[name].type) for name in told}
    done = update(tasks).where(mine).values(values).returning(tasks.c.id).cte("done")
    return Statement(select(_MARK).where(_NO_MARK, not_(exists().select_from(done))))


NEW_TASK = _new_task()
ENDED_TASK = _ended_task()  # a check as well: a row where the task is not the server's any more
