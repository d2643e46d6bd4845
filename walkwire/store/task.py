"""Tasks: walks that run later.

Guarantees: each task is started once, by one server; its end is stored together with the changes of its walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from walkwire.errors import WalkwireError

TaskState = Literal["PENDING", "STARTED", "COMPLETED", "ERROR"]


class TaskRecord(NamedTuple):
    """A walk that runs later. All times are Unix seconds.

    - `id`: the id of its walker (a record `w:…`); `walker`: the walker's class.
    - `root_id`: the root of the user who walks.
    - `node`: a reference to the node where the walk enters; None for the user's root.
    - `asked`: when the task should run; None for as soon as possible.
    - `due`: when it may be started; `begun`: when it was.
    - `status`: the HTTP status of its answer.
    - `reports`, `custom`, `error`: JSON as text.
    """

    id: str
    walker: str
    root_id: str
    node: str | None
    state: TaskState
    asked: float | None
    due: float
    begun: float | None = None
    status: int | None = None
    reports: str | None = None
    custom: str | None = None
    error: str | None = None


class TaskEnd(NamedTuple):
    """How a task ended that was started by `server`."""

    id: str
    server: str
    state: TaskState
    status: int | None = None
    reports: str | None = None
    custom: str | None = None
    error: str | None = None


class TaskTaken(WalkwireError):
    """The task no longer belongs to this server: it did not renew its lease, and was taken for dead."""


class TaskStore(Protocol):
    """A store of tasks. A server that starts a task holds a lease on it until the Unix second `alive_until`, and renews it.

    Servers' clocks differ, so `now` and `alive_until` are times of the database's clock, which `now()` returns.
    """

    def now(self) -> float:
        """Return the time by the clock of the database, in Unix seconds."""

    def begin_tasks(self, server: str, now: float, alive_until: float, limit: int) -> list[TaskRecord]:
        """Start up to `limit` pending tasks that are due at `now`, the longest due first: mark them STARTED and return them."""

    def next_task(self) -> float | None:
        """Return when the next pending task is due, in Unix seconds; None if no task is pending."""

    def find_tasks(self, state: TaskState | None, limit: int) -> list[TaskRecord]:
        """Return tasks for an operator, the latest due first, at most `limit`. Scans all tasks. None: in any state."""

    def keep_tasks(self, server: str, ids: Sequence[str], alive_until: float) -> None:
        """Renew the lease of `server` on these tasks until `alive_until`."""

    def end_task(self, end: TaskEnd) -> bool:
        """Store the end of a task whose walk has no commit. Returns False if the task no longer belongs to the server."""

    def forget_task(self, id: str) -> None:
        """Delete a task and its walker."""

    def abandon_tasks(self, now: float, error: str) -> int:
        """Mark all started tasks whose lease ended before `now` as ERROR, with `error`. Returns how many there were."""
