"""Changes: what a walk has read, what it writes, and why a commit is refused.

Guarantee: a refused commit (Lost, Held) has written nothing, and names what was in its way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from walkwire.errors import WalkwireError
from walkwire.store.keyed_call import KeyedCall
from walkwire.store.record import EdgeRecord, NodeRecord, Search, Selection
from walkwire.store.streams import StreamEntry
from walkwire.store.task import TaskEnd, TaskRecord, TaskState
from walkwire.store.user import UserKey, UserRecord


@dataclass(slots=True)
class Reads:
    """Everything that a walk has read, with the value it had. A commit checks that all of it still holds.

    - `nodes`, `edges`: the version of each record, by id; 0 if it was absent.
    - `neighbourhoods`: the mark of each selection (`Neighbourhood.mark`).
    - `node_searches`, `edge_searches`: the ids of the records that each search found.
    - `tasks`: the state of each task, by id; None if there was no such task.
    - `users`: the user that each look-up found, without password and token generation (`known_user`); None if there was none.
    """

    nodes: dict[str, int] = field(default_factory=dict)
    edges: dict[str, int] = field(default_factory=dict)
    neighbourhoods: dict[Selection, object] = field(default_factory=dict)
    node_searches: dict[Search, frozenset[str]] = field(default_factory=dict)
    edge_searches: dict[Search, frozenset[str]] = field(default_factory=dict)
    tasks: dict[str, TaskState | None] = field(default_factory=dict)
    users: dict[UserKey, UserRecord | None] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What a commit writes.

    - `new_…`: records to insert. Their version becomes 1.
    - `changed_…`: records to update. `version` is the version that was read; the store increments it.
    - `deleted_…`: ids to delete. Deleting a node deletes all edges that it has at the time of the commit.
    - `new_tasks`: tasks to create.
    - `ended_task`: the end of the task that this walk executes; None if the walk is not a task.
    - `entries`: what to append to streams, in this order.
    - `call`: the record of the call that asked for this walk; None if it has no key.
    """

    new_nodes: list[NodeRecord] = field(default_factory=list)
    new_edges: list[EdgeRecord] = field(default_factory=list)
    changed_nodes: list[NodeRecord] = field(default_factory=list)
    changed_edges: list[EdgeRecord] = field(default_factory=list)
    deleted_nodes: list[str] = field(default_factory=list)
    deleted_edges: list[str] = field(default_factory=list)
    new_tasks: list[TaskRecord] = field(default_factory=list)
    ended_task: TaskEnd | None = None
    entries: list[StreamEntry] = field(default_factory=list)
    call: KeyedCall | None = None

    def __bool__(self) -> bool:
        return bool(
            self.new_nodes
            or self.new_edges
            or self.changed_nodes
            or self.changed_edges
            or self.deleted_nodes
            or self.deleted_edges
            or self.new_tasks
            or self.ended_task
            or self.entries
            or self.call
        )


class Lost(WalkwireError):
    """A read of the walk is out of date: the commit was refused, and the walk has to be retried.

    - `records`: ids of the records that changed, tasks and users included.
    - `neighbourhoods`: ids of the nodes whose neighbourhood changed.
    - `kinds`: kinds whose searches would find other records now (`kinds_searched`).
    """

    def __init__(
        self, records: Iterable[str] = (), neighbourhoods: Iterable[str] = (), kinds: Iterable[str] = ()
    ) -> None:
        self.records = frozenset(records)
        self.neighbourhoods = frozenset(neighbourhoods)
        self.kinds = frozenset(kinds)
        super().__init__(
            f"lost {sorted(self.records)}, the neighbourhoods of {sorted(self.neighbourhoods)} "
            f"and searches for {sorted(self.kinds)}"
        )


class Held(WalkwireError):
    """A commit would write what retried walks have locked, perhaps on other servers (`SharedLocks`). Nothing was written.

    `keys` are the names of these locks (`lock_keys`).
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = frozenset(keys)
        super().__init__(f"others hold {sorted(self.keys)}")
