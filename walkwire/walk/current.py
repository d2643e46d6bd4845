"""Current run: the run of a walk that this thread or task executes, and what programs' verbs may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Protocol, TypeVar

from walkwire.store import StreamEntry, UserStore
from walkwire.walk.audience import Addressees
from walkwire.walk.view import GraphView

Result = TypeVar("Result")


class Follows(Protocol):
    """Records the steps of a walk. `walk/unit/record` implements it."""

    def follow(self, walker: Any, course: Iterator[Any]) -> Iterator[Any]:  # Any: classes above this file
        """Yield the same steps, and record each of them."""


class Host(Protocol):
    """What a run asks of its surroundings. There are two kinds: `ServerHost`, and `Alone` outside of a server."""

    @property
    def users(self) -> UserStore | None:
        """The store of users. None: the program has no users here."""

    @property
    def spawns_awaitable(self) -> bool:
        """Whether `spawn` of an `async walker` returns something to await: only in a program that is run as a script."""

    def run_coroutine(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the event loop for async abilities, and wait in this thread for its result."""

    async def run_in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a plain function in a worker thread, and wait on the event loop for its result."""

    def is_quiet(self) -> bool:
        """Whether no walk holds any lock, as far as this process knows."""

    def held(self, keys: frozenset[str]) -> frozenset[str]:
        """Return those of the locks that other walks hold, as far as this process knows."""

    def acquire(self, hold: frozenset[str], kinds: frozenset[str]) -> None:
        """Wait in this thread until the run holds `hold`, and no other walk holds one of `kinds`.

        Raises Conflict after a while.
        """

    def owned(self) -> Collection[str]:
        """Return the locks that the run holds now."""

    def tasks_added(self) -> None:
        """Called after a commit that stored new tasks."""

    def entries_of(self, addressees: Addressees, data: bytes) -> Sequence[StreamEntry]:
        """Return what has to be written of a notification to durable streams, with the commit. Raises Limited."""

    def channel_token(self, channel_id: str, root_id: str, seconds: float) -> str:
        """Return a token with which this root's clients may join a channel for so many seconds.

        Raises RuntimeError outside of a server.
        """

    def online(self, channel_id: str) -> tuple[int, list[bytes]]:
        """Return how many are in a channel, and the first users, each as JSON. Nobody outside of a server. Raises Busy."""

    def online_users(self, root_ids: frozenset[str]) -> frozenset[str]:
        """Return those of the users who are connected. Nobody outside of a server. Raises Busy."""


@dataclass(slots=True)
class AnswerState:
    """The answer that a run is building.

    - status: its HTTP status
    - reports: the values reported so far
    - returns: what each ability returned, None included
    - custom: a value that replaces the whole body; None: nothing does
    - origins: by the index of a report, the code that made it and the instruction in it, for the sentence of an error
    """

    status: int = 200
    reports: list[Any] = field(default_factory=list)
    returns: list[Any] = field(default_factory=list)
    custom: Any = None
    origins: dict[int, tuple[CodeType, int]] = field(default_factory=dict)


class CurrentRun(Protocol):
    """What programs' verbs may ask of the run in progress. `walk/run/run` implements it.

    - entry: the place where the walk began; None: at the caller's root
    - missed: the last reference that `&` could not find, or that the caller may not read
    - after_commit: functions to call after the next commit
    - check_time: called before each visit; raises TimedOut once the time of the walk is over. None: it has no time limit
    """

    entry: Any
    missed: str | None
    after_commit: list[Callable[[], object]]
    check_time: Callable[[], None] | None

    @property
    def record(self) -> Follows | None:
        """What records the steps of its walkers; None: nobody watches."""

    @property
    def graph(self) -> GraphView:
        """The graph as this run sees it."""

    @property
    def answer(self) -> AnswerState:
        """The answer so far."""

    @property
    def host(self) -> Host:
        """What surrounds the run."""

    @property
    def client_id(self) -> str | None:
        """The connection whose event this is; None over REST and for tasks."""

    def commit(self) -> None:
        """Write what was changed so far. Raises Conflict, CommitInDoubt."""

    def notify(self, addressees: Addressees, data: bytes, now: bool) -> None:
        """Send a notification, or hold it until the commit. `data` is JSON. With `now` it is sent in any case."""


_current: ContextVar[CurrentRun] = ContextVar("run")

enter_run = _current.set
leave_run = _current.reset


def current() -> CurrentRun:
    """Return the run in progress. Raises RuntimeError if there is none."""
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError(
            "No walk is in progress here: the graph can be used inside an ability, or while the program is loaded"
        ) from None


def current_or_none() -> CurrentRun | None:
    """Return the run in progress, or None."""
    return _current.get(None)
