"""Context: the walk in progress, and what the programs' verbs ask of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple, Protocol

from walkwire.ids import SYSTEM_ROOT
from walkwire.store import UserStore
from walkwire.walk.view import GraphView

Keep = Literal["close", "drop_oldest", "latest"]


class Audience(NamedTuple):
    """Whom something is for. `kind` is users (root ids), channels, clients, or join and leave (a client, then channels).
    `keep` is what becomes of it where a listener does not keep up; None: as is configured."""

    kind: str
    targets: tuple[str, ...]
    keep: Keep | None = None


class Bridge(Protocol):
    """How a walk crosses between threads and event loops; `walk/run/runtime` gives it."""

    @property
    def accounts(self) -> UserStore | None:
        """The users, where there are any."""

    def wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the programs' own loop and wait for it in this thread."""

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a plain function in a worker thread, from the programs' own loop."""


class Outbox(Protocol):
    """Where a walk's notifications wait or leave; `walk/walker/notify` has it."""

    def put(
        self,
        audience: Audience,
        data: bytes,
        now: bool,
        is_dirty: Callable[[], bool],
        check: Callable[[], None],
    ) -> None: ...


class Walk:
    """One run of a walk: the graph as it sees it, who walks, and what it will answer."""

    __slots__ = (
        "after",
        "bridge",
        "check",
        "client_id",
        "commit",
        "custom",
        "entry",
        "go_on",
        "graph",
        "missed",
        "outbox",
        "reports",
        "returns",
        "status",
    )

    def __init__(
        self,
        graph: GraphView,
        outbox: Outbox,
        bridge: Bridge,
        commit: Callable[[], None],
        client_id: str | None,
    ) -> None:
        self.graph = graph
        self.outbox = outbox
        self.bridge = bridge
        self.commit = commit
        self.client_id = client_id
        self.status = 200
        self.reports: list[Any] = []
        self.returns: list[Any] = []
        self.custom: Any = None
        self.entry: Any = None  # where it began; None: at the root
        self.missed: str | None = None  # the last reference that `&` had to answer with None
        self.after: list[Callable[[], object]] = []
        self.check: Callable[[], None] = _nothing  # raises unless all that was read so far is of one moment
        self.go_on: Callable[[], None] = _nothing  # asked at each place; raises where the walk is to end


def _nothing() -> None:
    pass


_current: ContextVar[Walk] = ContextVar("walk")

enter_walk = _current.set
leave_walk = _current.reset


def current() -> Walk:
    """The walk in progress. Raises RuntimeError outside of one."""
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError(
            "No walk is in progress here: the graph can be used inside an ability, or while the program is loaded"
        ) from None


def current_or_none() -> Walk | None:
    """The walk in progress, if there is one."""
    return _current.get(None)


class Memory:
    """Jac Cloud's `get_context().mem`. To clear it forgets nothing here: what a walk has in hand is not a program's affair."""

    def __init__(self) -> None:
        self.__mem__: dict[Any, Any] = {}
        self.__gc__: set[Any] = set()

    def find(self, anchors: Any, filter: Callable[[Any], Any] | None = None) -> Iterator[Any]:
        """The anchors of what handles or ids name, those that are there, may be read, and pass `filter`."""
        several = isinstance(anchors, Iterable) and not isinstance(anchors, str)
        found = map(self.find_by_id, anchors if several else [anchors])
        return (anchor for anchor in found if anchor is not None and (filter is None or filter(anchor)))

    def find_one(self, anchors: Any, filter: Callable[[Any], Any] | None = None) -> Any:
        """The first of them, or None."""
        return next(self.find(anchors, filter), None)

    def find_by_id(self, anchor: Any) -> Any:
        """The anchor of what a handle or an id names, or None."""
        found = current().graph.find(getattr(anchor, "id", anchor))
        return None if found is None else found.__jac__


class Context:
    """What `get_context()` gives a program: `status` is the answer's HTTP status, `reports` what was reported so far."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.mem = Memory()

    @property
    def status(self) -> int:
        return self._walk.status

    @status.setter
    def status(self, status: int) -> None:
        if not 200 <= int(status) <= 599:  # 1xx and below are not answers
            raise ValueError(f"Not an HTTP status that can answer a request: {status}")
        self._walk.status = int(status)

    @property
    def reports(self) -> list[Any]:
        return self._walk.reports

    @property
    def root_state(self) -> Any:
        """The anchor of the root that walks."""
        return self._walk.graph.root().__jac__

    # Its name in 0.7.
    root = root_state

    @property
    def entry_node(self) -> Any:
        """The anchor of the node where the walk began."""
        entry = self._walk.entry
        return self.root_state if entry is None else entry.__jac__

    @property
    def system_root(self) -> Any:
        """The anchor of the system's own root. What may be done there is asked when it is done."""
        return self._walk.graph.root(SYSTEM_ROOT).__jac__

    def __getattr__(self, name: str) -> Any:
        advice = ""
        if name in ("connection", "request"):
            advice = ": what a request brings is in the walker's fields (`path` and `as_query` of the specs, the body)"
        raise AttributeError(f"walkwire has no counterpart for {name!r} of get_context(){advice}", name=name)

    @property
    def custom(self) -> Any:
        """What the whole body is replaced by; None: nothing."""
        return self._walk.custom

    @custom.setter
    def custom(self, body: Any) -> None:
        self._walk.custom = body


def get_context() -> Context:
    """The answer in the making of the walk in progress."""
    return Context(current())
