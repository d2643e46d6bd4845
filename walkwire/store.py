"""Store: what the graph and the users ask of a database. Kinds live in `stores/`, chosen by URL.

All calls are synchronous and may come from any thread. What a call raises besides the errors named here is the driver's.
Guarantees: a commit is all or nothing, and once it returned it survives the death of the process; a read sees only commits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal, NamedTuple, Protocol

from walkwire.errors import WalkwireError

Direction = Literal["out", "into", "both"]


class NodeRecord(NamedTuple):
    """A stored node. `kind` is its class ("" = a root), `owner` a root's id, `version` counts its changes from 1,
    `data` its fields and `access` its grants, both JSON objects as text (`access` None: no grants).

    Objects and walkers that are kept by themselves are nodes too, without edges; their `kind` is `o:Class` and `w:Class`.
    """

    id: str
    kind: str
    owner: str
    version: int
    data: str
    access: str | None = None


class EdgeRecord(NamedTuple):
    """A stored edge. `kind` is its class ("" = a bare edge); the ends are ids of nodes with their classes, which never change."""

    id: str
    kind: str
    source: str
    source_kind: str
    target: str
    target_kind: str
    version: int
    data: str


class Selection(NamedTuple):
    """A part of a node's neighbourhood: which way, edges of which classes, to nodes of which classes, to which nodes (None =
    all), and of these how many: the first `limit`, or the last where it is negative."""

    node: str
    direction: Direction
    edge_kinds: frozenset[str] | None = None
    node_kinds: frozenset[str] | None = None
    far: frozenset[str] | None = None
    limit: int | None = None


class Neighbourhood(NamedTuple):
    """What a selection held when it was read: edges with their far nodes in the order in which they were made, and `mark`,
    which is equal at a later reading if and only if no edge came or went in between. Opaque to all but the store."""

    pairs: list[tuple[EdgeRecord, NodeRecord]]
    mark: object


class Search(NamedTuple):
    """Records by id, by class, by owner (of an edge: the owner of the node that it leaves); None stands for any."""

    ids: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    owners: frozenset[str] | None = None


class UserRecord(NamedTuple):
    """A user. `password` is a hash. Raising `token_generation` revokes all tokens issued before. `state` is the program's own."""

    id: str
    email: str
    password: str
    root_id: str
    token_generation: int = 0
    is_activated: bool = True
    is_admin: bool = False
    state: Mapping[str, Any] = {}


UserKey = tuple[Literal["id", "email_key", "root_id"], str]  # how a user was looked up, and by which value


def known_user(user: UserRecord | None) -> UserRecord | None:
    """Return what a program may see of a user: the record without its password and token generation."""
    return None if user is None else user._replace(password="", token_generation=0)


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


@dataclass(slots=True)
class Reads:
    """Everything that a walk has looked at, as it was. A commit checks that all of it still holds.

    - `nodes`, `edges`: the version of each record, by id; 0 if it was absent.
    - `neighbourhoods`: the mark of each selection.
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
    """What a commit writes. The version in a changed or deleted record is the one that was read; the store counts it up.
    Deleting a node deletes its edges as they are at the commit. `ended_task` is the task that this walk is."""

    new_nodes: list[NodeRecord] = field(default_factory=list)
    new_edges: list[EdgeRecord] = field(default_factory=list)
    changed_nodes: list[NodeRecord] = field(default_factory=list)
    changed_edges: list[EdgeRecord] = field(default_factory=list)
    deleted_nodes: list[str] = field(default_factory=list)
    deleted_edges: list[str] = field(default_factory=list)
    new_tasks: list[TaskRecord] = field(default_factory=list)
    ended_task: TaskEnd | None = None

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
        )


class Lost(WalkwireError):
    """What a walk read no longer holds.

    - `records`: ids of the records that changed, tasks and users included.
    - `neighbourhoods`: ids of the nodes whose neighbourhood changed.
    - `kinds`: kinds of the searches that would find other records now (`kinds_searched`).
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
    """A commit would write what walks that run again, perhaps of other servers, have locked (`Crowd`). Nothing was written."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = frozenset(keys)
        super().__init__(f"others hold {sorted(self.keys)}")


class TaskTaken(WalkwireError):
    """The task is not this server's any more: it stayed silent for so long that it was taken for dead."""


class View(Protocol):
    """A way to read the graph: the newest commits (the store itself, `GraphStore.latest`) or one moment of it
    (`GraphStore.snapshot`). What one call returns is of one moment.

    `is_one_moment`: whether all that was read through this view is known to be of one moment.
    """

    @property
    def is_one_moment(self) -> bool: ...

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """The nodes with these ids; absent ones are left out."""

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """The edges with these ids; absent ones are left out."""

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """A node's edges and the nodes at their far ends, in the order in which the edges were made: that of their commits, but
        two that were under way at the same time may stand either way."""

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        """The nodes that fit, kept objects and walkers included. Without an id or an owner it costs a look at every record."""

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """The edges that fit; otherwise as `search_nodes`."""

    def load_task(self, id: str) -> TaskRecord | None:
        """The task of this walker. One that was begun by a server that is silent since is told as it was."""

    def load_user(self, key: UserKey) -> UserRecord | None:
        """Return the user that this look-up finds, or None."""


ANY_KIND = "*"


def kinds_searched(node_searches: Iterable[Search], edge_searches: Iterable[Search]) -> set[str]:
    """Return the kinds that searches are about: the kind of a node, `e:` and the kind of an edge, `*` or `e:*` for any kind."""
    found: set[str] = set()
    for prefix, searches in (("", node_searches), ("e:", edge_searches)):
        for search in searches:
            found.update(prefix + kind for kind in ({ANY_KIND} if search.kinds is None else search.kinds))
    return found


def kinds_written(nodes: Iterable[str], edges: Iterable[str]) -> set[str]:
    """Return the kinds, as `kinds_searched` names them, whose searches change when records of these kinds come or go."""
    found: set[str] = set()
    for prefix, kinds in (("", nodes), ("e:", edges)):
        if written := {prefix + kind for kind in kinds}:
            found |= written | {prefix + ANY_KIND}
    return found


def lock_keys(
    records: Iterable[str], neighbourhoods: Iterable[str], kinds: Iterable[str] = ()
) -> frozenset[str]:
    """Return the names of the locks of records, of nodes' neighbourhoods and of kinds, for which retried walks queue."""
    return frozenset(
        chain(
            (f"{id}r" for id in records), (f"{id}n" for id in neighbourhoods), (f"{kind}k" for kind in kinds)
        )
    )


def are_of_kinds(keys: Iterable[str]) -> frozenset[str]:
    """Return those of some locks' names (`lock_keys`) that are of kinds."""
    return frozenset(key for key in keys if key[-1] == "k")


class Crowd(Protocol):
    """Locks that the walks of all servers on one database see. Who comes first depends on them, and nothing else does.

    At most `width` walks of a server may hold such locks, read in a snapshot or wait for one of both: each costs a connection.
    """

    @property
    def width(self) -> int: ...

    def take(self, keys: Collection[str], patience: float, hold: float) -> Callable[[], None]:
        """Wait in line for all of these, and hold them until what is given back is called, from any thread, once. After `hold`
        seconds they may be free again by themselves. Raises TimeoutError after `patience` seconds."""


class GraphStore(View, Protocol):
    """Nodes and edges."""

    is_shared: bool  # whether anybody else may write to the database

    @property
    def crowd(self) -> Crowd | None:
        """The locks between servers; None where one alone uses the database."""

    def latest(self) -> View:
        """Return a view of the newest commits, for one unit of work of one walk."""

    def snapshot(self) -> AbstractContextManager[View]:
        """A view in which all reads are of one moment."""

    def check(self, reads: Reads) -> None:
        """Raise Lost unless all of `reads` is still so, at one moment."""

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        """Write `changes` if `reads` is still so and both ends of each new edge exist; else write nothing and raise Lost.

        Raises Held where others have taken locks of the `crowd` on what would be written; `mine` are those that this walk has.

        `then` is called after the commit, and before any later commit of this process that wrote one of the same records calls
        its own; commits of other processes may be told earlier or later. It must be quick and must not raise. Raises Busy if the
        database stays locked, CommitInDoubt, TaskTaken where `changes` end a task that is not this server's any more.
        """

    def close(self) -> None:
        """Free all connections. Nothing is called afterwards."""


class UserExists(WalkwireError):
    """That e-mail address has a user already."""


class UserStore(Protocol):
    """Users. An e-mail address is one user's, whatever its case."""

    def add_user(self, user: UserRecord) -> None:
        """Store a user and its root, together. Raises UserExists."""

    def user_by_email(self, email: str) -> UserRecord | None:
        """The user with this address, in any case."""

    def user_by_id(self, user_id: str) -> UserRecord | None:
        """The user with this id."""

    def user_by_root(self, root_id: str) -> UserRecord | None:
        """The user whose root this is."""

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        """Replace the hash `old` by `new` and raise the token generation by one; False where the hash is another by now."""

    def token_generations(self, root_ids: Sequence[str]) -> dict[str, int]:
        """The token generations of the active users with these roots; the others are left out."""


class ServiceRecord(NamedTuple):
    """A service that may notify. `digest` is what its API key is known by, `created` in Unix seconds."""

    id: str
    name: str
    digest: str
    created: float


class ServiceExists(WalkwireError):
    """A service of that name is there already."""


class ServiceStore(Protocol):
    """Services, by their API keys."""

    def add_service(self, service: ServiceRecord) -> None:
        """Store a service. Raises ServiceExists."""

    def services(self) -> list[ServiceRecord]:
        """Every service, by name."""

    def service_by_digest(self, digest: str) -> ServiceRecord | None:
        """The service whose key has this digest."""

    def remove_service(self, name: str) -> bool:
        """End the service of this name; False where there is none."""


class WebhookKey(NamedTuple):
    """A webhook key of a root: for these walkers and entries (class names, `root` among them; empty: all), from `made` until
    `expires`, Unix seconds. The key's secret part is not stored."""

    id: str
    name: str
    root_id: str
    walkers: Sequence[str]
    nodes: Sequence[str]
    made: int
    expires: float


class WebhookKeyExists(WalkwireError):
    """That root has a key of that name already."""


class WebhookStore(Protocol):
    """Webhook keys."""

    def add_webhook_key(self, key: WebhookKey) -> None:
        """Store a key. Raises WebhookKeyExists."""

    def webhook_keys_of(self, root_id: str) -> list[WebhookKey]:
        """A root's keys, in the order in which they were made."""

    def extend_webhook_key(self, root_id: str, id: str, seconds: float) -> bool:
        """Let a key live longer; False where the root has none such."""

    def delete_webhook_keys(self, root_id: str, ids: Sequence[str]) -> int:
        """Delete those that are the root's; gives their number."""


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


class Store(GraphStore, UserStore, ServiceStore, WebhookStore, TaskStore, Protocol):
    """One database that holds all of it."""
