"""Tasks: what every SQL engine is asked of them. Each function is to be called inside a transaction, which the caller ends."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from walkwire.store import TaskEnd, TaskRecord, TaskState, TaskTaken
from walkwire.stores.sql.schema import nodes, tasks

_TASK = tuple(tasks.c[name] for name in TaskRecord._fields)
_PENDING = tasks.c.state == "PENDING"
_STARTED = tasks.c.state == "STARTED"


def load(connection: Connection, id: str) -> TaskRecord | None:
    """The task of a walker."""
    row = connection.execute(select(*_TASK).where(tasks.c.id == id)).first()
    return TaskRecord(*row) if row else None


def state_of(connection: Connection, id: str) -> TaskState | None:
    """Return the state of a task; None if there is no such task."""
    state: TaskState | None = connection.execute(select(tasks.c.state).where(tasks.c.id == id)).scalar()
    return state


def add(connection: Connection, records: list[TaskRecord]) -> None:
    """Write new tasks; their walkers are there already."""
    connection.execute(insert(tasks), [record._asdict() for record in records])


def begin(
    connection: Connection, server: str, now: float, alive_until: float, limit: int
) -> list[TaskRecord]:
    """Take due tasks, passing over those that another server is taking right now."""
    due = select(*_TASK).where(_PENDING, tasks.c.due <= now).order_by(tasks.c.due).limit(limit)
    found = [TaskRecord(*row) for row in connection.execute(due.with_for_update(skip_locked=True))]
    taken = update(tasks).where(tasks.c.id.in_([task.id for task in found]), _PENDING)
    if found:
        connection.execute(taken.values(state="STARTED", begun=now, server=server, alive_until=alive_until))
    return [task._replace(state="STARTED", begun=now) for task in found]


def next_due(connection: Connection) -> float | None:
    """When the next pending task is due."""
    return connection.execute(select(func.min(tasks.c.due)).where(_PENDING)).scalar()


def keep(connection: Connection, server: str, ids: Sequence[str], alive_until: float) -> None:
    """Say that a server is alive, and still at these tasks."""
    mine = update(tasks).where(_STARTED, tasks.c.server == server, tasks.c.id.in_(ids))
    connection.execute(mine.values(alive_until=alive_until))


def end(connection: Connection, ended: TaskEnd) -> bool:
    """Tell how a task ended; False where it is not the server's any more."""
    values = {name: value for name, value in ended._asdict().items() if name not in ("id", "server")}
    mine = update(tasks).where(tasks.c.id == ended.id, tasks.c.server == ended.server, _STARTED)
    return connection.execute(mine.values(values)).rowcount == 1


def end_or_raise(connection: Connection, ended: TaskEnd) -> None:
    """As `end`, within the commit of the task's own walk. Raises TaskTaken."""
    if not end(connection, ended):
        raise TaskTaken(ended.id)


def forget(connection: Connection, id: str) -> None:
    """Delete a task and its walker."""
    connection.execute(delete(tasks).where(tasks.c.id == id))
    connection.execute(delete(nodes).where(nodes.c.id == id, nodes.c.kind.startswith("w:")))


def abandon(connection: Connection, now: float, error: str) -> int:
    """Mark ERROR what was begun by servers that are not alive."""
    lost = update(tasks).where(_STARTED, tasks.c.alive_until < now)
    return connection.execute(lost.values(state="ERROR", error=error)).rowcount
