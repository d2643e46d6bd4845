"""Host: what surrounds the runs of a server: its threads, event loops, locks and settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from walkwire.errors import Busy, Conflict
from walkwire.store import GraphStore, StreamEntry, UserStore
from walkwire.walk.audience import Addressees
from walkwire.walk.current import current_or_none
from walkwire.walk.registry import Registry
from walkwire.walk.run.answer import Answers
from walkwire.walk.run.off_loop import InThread, OffLoop, off_loop
from walkwire.walk.run.programs import ProgramLoop, offer_to_waiting
from walkwire.walk.run.threads import Threads
from walkwire.walk.unit.locks import PATIENCE_SECONDS, Claim, Locks
from walkwire.walk.unit.outbox import EntriesOf, Notify

Keys = frozenset[str]
Result = TypeVar("Result")
MakeChannelToken = Callable[[str, str, float], str]

ONLINE_SECONDS = 5.0  # to wait for who is online

_NO_KEYS: Keys = frozenset()


class Onlookers(Protocol):
    """Knows who is online, on the event loop of the sockets: `wire/presence/presence` implements it."""

    async def find(self, channel_id: str) -> tuple[int, list[bytes]]:
        """Return how many are in a channel, and the first users, each as JSON."""

    async def find_online(self, root_ids: Collection[str]) -> frozenset[str]:
        """Return those of the users who are connected."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all walks of one server share.

    - notify: sends a notification; called in the thread of a walk
    - on_tasks: called after a commit that stored new tasks, in the thread of the walk
    - on_retry: called on the event loop of the sockets with the class of a walker that is about to be retried
    - loop: the event loop of the sockets, which owns `locks`
    - users: the store of users; None: there are none
    - user_tasks: how many pending tasks a user may have; 0: any number
    - channel_token: makes the token of a channel, given its id, a root id and seconds
    - onlookers: know who is online; None: nobody is
    - entries_of: returns what is to be written of a notification to durable streams; None: there are none
    """

    store: GraphStore
    registry: Registry
    notify: Notify
    answers: Answers
    threads: Threads
    programs: ProgramLoop
    locks: Locks
    loop: asyncio.AbstractEventLoop
    users: UserStore | None
    on_tasks: Callable[[], None]
    on_retry: Callable[[type], None]
    user_tasks: int = 0
    channel_token: MakeChannelToken | None = None
    onlookers: Onlookers | None = None
    entries_of: EntriesOf | None = None


@runtime_checkable
class MayLeave(Protocol):
    """A run whose calls of the store can be made off the loop. See `Run`."""

    def leave_loop(self, in_thread: InThread) -> None:
        """Make all further calls of the store by `in_thread` where they would block the event loop for async abilities."""


@dataclass(slots=True)
class ServerHost:
    """The host of one walk in a server, over all of its attempts.

    `claim` are the locks that the walk holds. None: it never held any.
    """

    shared: Shared
    claim: Claim | None = None

    @property
    def users(self) -> UserStore | None:
        """The store of users. Its calls do not block the event loop for async abilities."""
        users = self.shared.users
        return None if users is None else cast("UserStore", OffLoop(users, self.begin_in_thread))

    @property
    def spawns_awaitable(self) -> bool:
        """False: in a server an `async walker` walks at once."""
        return False

    def run_coroutine(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the programs' event loop. Raises RuntimeError on that loop, TimedOut after the walk's time limit."""
        run = current_or_none()
        if isinstance(run, MayLeave):
            run.leave_loop(self.begin_in_thread)
        return self.shared.programs.run_from_thread(coroutine, None if run is None else run.check_time)

    async def run_in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a function in the thread that waits for this walk, or in a worker thread; in the context of the caller."""
        return await self.shared.threads.from_a_loop(function, *arguments, offer=offer_to_waiting)

    def begin_in_thread(self, function: Callable[..., Result], *arguments: Any) -> asyncio.Future[Result]:
        """Begin a call of the store in a thread that runs nothing else, and return a future of the result."""
        return self.shared.programs.begin_call(function, *arguments)

    def is_quiet(self) -> bool:
        """Whether no walk of this server holds any lock. A hint, not a promise."""
        return self.shared.locks.is_quiet()

    def held(self, keys: Keys) -> Keys:
        """Return the locks that other walks of this server hold. A hint, not a promise."""
        return self.shared.locks.held(keys, self.claim)

    def acquire(self, hold: Keys, kinds: Keys) -> None:
        """Acquire locks, off the event loops. Raises Conflict after `PATIENCE_SECONDS`."""
        off_loop(self._begin_acquire, self._acquire, hold, kinds)

    def _begin_acquire(self, _: object, hold: Keys, kinds: Keys) -> asyncio.Future[None]:
        """Acquire locks without a thread: the threads may be needed by the walk that holds them."""
        acquiring = self._acquire_in_time(hold, kinds)
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(acquiring, self.shared.loop))

    async def _acquire_in_time(self, hold: Keys, kinds: Keys) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.claimed().acquire(hold, kinds)
        except TimeoutError:
            raise Conflict from None

    def _acquire(self, hold: Keys, kinds: Keys) -> None:
        waiting = asyncio.run_coroutine_threadsafe(self.claimed().acquire(hold, kinds), self.shared.loop)
        try:
            waiting.result(PATIENCE_SECONDS)
        except TimeoutError:
            waiting.cancel()
            raise Conflict from None

    def owned(self) -> Collection[str]:
        """Return the locks that this walk holds now."""
        return _NO_KEYS if self.claim is None else self.claim.keys

    def tasks_added(self) -> None:
        """Report that there are new tasks."""
        self.shared.on_tasks()

    def entries_of(self, addressees: Addressees, data: bytes) -> Sequence[StreamEntry]:
        """Return what has to be written of a notification to durable streams. Raises Limited."""
        entries_of = self.shared.entries_of
        return () if entries_of is None else entries_of(addressees, data)

    def channel_token(self, channel_id: str, root_id: str, seconds: float) -> str:
        """Return a token for a channel. Raises RuntimeError if this server makes none."""
        make = self.shared.channel_token
        if make is None:
            raise RuntimeError("This server makes no channel tokens")
        return make(channel_id, root_id, seconds)

    def online(self, channel_id: str) -> tuple[int, list[bytes]]:
        """Return how many are in a channel, and the first users. Raises Busy if that is not known in time."""
        onlookers = self.shared.onlookers
        return (0, []) if onlookers is None else self._ask_loop(onlookers.find, channel_id)

    def online_users(self, root_ids: frozenset[str]) -> frozenset[str]:
        """Return those of the users who are connected. Raises Busy if that is not known in time."""
        onlookers = self.shared.onlookers
        return frozenset() if onlookers is None else self._ask_loop(onlookers.find_online, root_ids)

    def _ask_loop(self, ask: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any) -> Result:
        """Return what the event loop of the sockets answers. Blocks no event loop."""
        return cast("Result", off_loop(self.begin_in_thread, self._wait_for, ask, *arguments))

    def _wait_for(self, ask: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any) -> Result:
        waiting = asyncio.run_coroutine_threadsafe(ask(*arguments), self.shared.loop)
        try:
            return waiting.result(ONLINE_SECONDS)
        except TimeoutError:
            waiting.cancel()
            raise Busy from None

    def claimed(self) -> Claim:
        """Return the claim of this walk, made when it is first needed."""
        if self.claim is None:
            self.claim = Claim(self.shared.locks)
        return self.claim
