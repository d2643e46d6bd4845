"""Tasks: statements on tasks. All run inside the caller's transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, delete, extract, func, insert, select, update

from walkwire.store import TaskEnd, TaskRecord, TaskState, TaskTaken
from walkwire.stores.sql.schema import nodes, tasks

_TASK = tuple(tasks.c[name] for name in TaskRecord._fields)
_PENDING = tasks.c.state == "PENDING"
_STARTED = tasks.c.state == "STARTED"


def now(connection: Connection) -> float:
    """Return the time by the clock of the database, in Unix seconds.

    That of SQLite is the clock of the machine, which its own functions tell in whole milliseconds: what was written a moment
    ago would be in the future.
    """
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(extract("epoch", func.clock_timestamp()))).scalar_one())


def load(connection: Connection, id: str) -> TaskRecord | None:
    """Return the task of a walker, or None."""
    row = connection.execute(select(*_TASK).where(tasks.c.id == id)).first()
    return TaskRecord(*row) if row else None


def state_of(connection: Connection, id: str) -> TaskState | None:
    """Return the state of a task; None if there is no such task."""
    state: TaskState | None = connection.execute(select(tasks.c.state).where(tasks.c.id == id)).scalar()
    return state


def add(connection: Connection, records: list[TaskRecord]) -> None:
    """Insert new tasks. Their walkers must exist."""
    connection.execute(insert(tasks), [record._asdict() for record in records])


def begin(
    connection: Connection, server: str, now: float, alive_until: float, limit: int
) -> list[TaskRecord]:
    """Start due tasks and return them. Tasks that another server is starting at this moment are skipped."""
    due = select(*_TASK).where(_PENDING, tasks.c.due <= now).order_by(tasks.c.due).limit(limit)
    found = [TaskRecord(*row) for row in connection.execute(due.with_for_update(skip_locked=True))]
    taken = update(tasks).where(tasks.c.id.in_([task.id for task in found]), _PENDING)
    if found:
        connection.execute(taken.values(state="STARTED", begun=now, server=server, alive_until=alive_until))
    return [task._replace(state="STARTED", begun=now) for task in found]


def pending_of(connection: Connection, root_id: str, most: int) -> int:
    """Return how many pending tasks a user has, but no more than `most`."""
    some = select(tasks.c.id).where(_PENDING, tasks.c.root_id == root_id).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def next_due(connection: Connection) -> float | None:
    """Return when the next pending task is due, in Unix seconds; None if no task is pending."""
    return connection.execute(select(func.min(tasks.c.due)).where(_PENDING)).scalar()


def find(connection: Connection, state: TaskState | None, limit: int) -> list[TaskRecord]:
    """Return tasks in a state, or in any, the latest due first."""
    statement = select(*_TASK).order_by(tasks.c.due.desc(), tasks.c.id).limit(limit)
    if state is not None:
        statement = statement.where(tasks.c.state == state)
    return [TaskRecord(*row) for row in connection.execute(statement)]


def keep(connection: Connection, server: str, ids: Sequence[str], alive_until: float) -> None:
    """Renew the lease of a server on these tasks."""
    mine = update(tasks).where(_STARTED, tasks.c.server == server, tasks.c.id.in_(ids))
    connection.execute(mine.values(alive_until=alive_until))


def end(connection: Connection, ended: TaskEnd) -> bool:
    """Store how a task ended. Returns False if it no longer belongs to the server."""
    values = {name: value for name, value in ended._asdict().items() if name not in ("id", "server")}
    mine = update(tasks).where(tasks.c.id == ended.id, tasks.c.server == ended.server, _STARTED)
    return connection.execute(mine.values(values)).rowcount == 1


def end_or_raise(connection: Connection, ended: TaskEnd) -> None:
    """Store how a task ended, within the commit of its own walk. Raises TaskTaken if it no longer belongs to the server."""
    if not end(connection, ended):
        raise TaskTaken(ended.id)


def forget(connection: Connection, id: str) -> None:
    """Delete a task and its walker."""
    connection.execute(delete(tasks).where(tasks.c.id == id))
    connection.execute(delete(nodes).where(nodes.c.id == id, nodes.c.kind.startswith("w:")))


def abandon(connection: Connection, now: float, error: str) -> int:
    """Mark tasks whose lease has ended as ERROR. Returns how many there were."""
    lost = update(tasks).where(_STARTED, tasks.c.alive_until < now)
    return connection.execute(lost.values(state="ERROR", error=error)).rowcount
