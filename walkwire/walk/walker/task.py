"""Task: a stored walk that runs by itself. Creates tasks and reads their outcomes; `walk/run/tasks` runs them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from walkwire.errors import Limited
from walkwire.ids import SYSTEM_ROOT
from walkwire.store import GraphStore, TaskRecord
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.current import current


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """The state of a task. The names are Jac Cloud's, where it is called `schedule`.

    - status: PENDING, STARTED, COMPLETED or ERROR
    - node_id: the reference of the node where it enters; None: the caller's root
    - root_id: the reference of the root of the user who walks
    - execute_date: when it was to run; None: as soon as possible
    - executed_date: when it was started
    - http_status, reports, custom: as in the answer that the walk would have given; None until it is COMPLETED
    - error: a list of sentences; None unless it is ERROR
    """

    status: str
    node_id: str | None
    root_id: str
    execute_date: datetime | None
    executed_date: datetime | None
    http_status: int | None
    reports: list[Any] | None
    custom: Any
    error: list[str] | None

    @classmethod
    def of(cls, task: TaskRecord) -> TaskOutcome:
        """Return the outcome of a stored task."""
        return cls(
            task.state,
            task.node,
            f"n::{task.root_id}",
            _date(task.asked),
            _date(task.begun),
            task.status,
            _value(task.reports),
            _value(task.custom),
            _value(task.error),
        )


def create_task(walker: Archetype, node: Archetype | None = None, date: datetime | None = None) -> str:
    """Store a walker as a task, and return its reference.

    - node: where it enters; None: the caller's root
    - date: when to run it; None: as soon as possible. A date without a time zone is in the server's time zone.

    The task is stored by the commit of this walk: a walk that fails creates no task. `jobj(reference)` returns the walker with
    its fields, and `.__jac__.schedule` of that the outcome.
    """
    graph = current().graph
    start = None if node is None else reference_of(graph.own(node))
    asked = None if date is None else date.timestamp()
    graph.add_task(walker, start, asked, time.time() if asked is None else asked)
    return reference_of(walker)


def bound_tasks(store: GraphStore, root_id: str, most: int, new: int) -> None:
    """Raise Limited if so many new tasks would be too many pending ones of a user. `most`: 0: any number.

    Timetables, which are tasks of the system's root, are not bounded.
    """
    if not most or root_id == SYSTEM_ROOT:
        return
    if store.pending_tasks(root_id, most) + new > most:
        raise Limited(
            f"{most} of your tasks are pending, the most that one user may have. Please try again later!"
        )


def _date(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
