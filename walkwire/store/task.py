"""Tasks: walks for later, each begun once, by one server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from walkwire.errors import WalkwireError

TaskState = Literal["PENDING", "STARTED", "COMPLETED", "ERROR"]


class TaskRecord(NamedTuple):
    """A walk for later. `id` is its walker's (a record `w:…`), `walker` the class, `root_id` who walks, `node` a reference, None
    for the own root. All times are Unix seconds: `asked` when it is wanted (None: soon), `due` when it may begin, `begun` when it
    did. `status` is an HTTP status; `reports`, `custom` and `error` are JSON as text."""

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
    """How a task ended that `server` had begun."""

    id: str
    server: str
    state: TaskState
    status: int | None = None
    reports: str | None = None
    custom: str | None = None
    error: str | None = None


class TaskTaken(WalkwireError):
    """The task is not this server's any more: it stayed silent for so long that it was taken for dead."""


class TaskStore(Protocol):
    """Tasks. Each is begun once, by one server, which has to be heard of again and again until it ends it.

    `alive_until` is the Unix second until which a server counts as alive that says nothing more.
    """

    def begin_tasks(self, server: str, now: float, alive_until: float, limit: int) -> list[TaskRecord]:
        """Take up to `limit` of the pending tasks that are due at `now`, the longest due first, and mark them STARTED."""

    def next_task(self) -> float | None:
        """When the next pending task is due, in Unix seconds."""

    def keep_tasks(self, server: str, ids: Sequence[str], alive_until: float) -> None:
        """Say that `server` is alive, and still at these tasks."""

    def end_task(self, end: TaskEnd) -> bool:
        """Tell how a task ended whose walk is not committed; False where it is not the server's any more."""

    def forget_task(self, id: str) -> None:
        """Delete a task and its walker."""

    def abandon_tasks(self, now: float, error: str) -> int:
        """Mark ERROR, with `error`, all that servers had begun that are not alive at `now`; gives their number."""
