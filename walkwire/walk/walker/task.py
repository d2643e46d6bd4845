"""Task: a walk for later. Here it is ordered, and here a program reads what became of it; `walk/run/tasks` runs it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from walkwire.store import TaskRecord
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.context import current


@dataclass(frozen=True, slots=True)
class Schedule:
    """What became of a task. The names are Jac Cloud's; `executed_date` is when it began.

    `status` is PENDING, STARTED, COMPLETED or ERROR. `http_status`, `reports` and `custom` are those of the answer that it would
    have given, once it is COMPLETED; `error` is a list of sentences, once it is ERROR.
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
    def of(cls, task: TaskRecord) -> Schedule:
        """A stored task as a program sees it."""
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
    """Have a walker walk by itself from `node` (None: the own root), at `date` or as soon as may be; gives its reference.

    It is kept with all that the present walk changes: a walk that fails orders nothing. A date without a time zone is in the
    server's own. `jobj(reference)` then is the walker with its fields, and `.__jac__.schedule` of that what became of it.
    """
    graph = current().graph
    start = None if node is None else reference_of(graph.own(node))
    asked = None if date is None else date.timestamp()
    graph.add_task(walker, start, asked, time.time() if asked is None else asked)
    return reference_of(walker)


def _date(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
