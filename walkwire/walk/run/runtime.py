"""Runtime: admits requests for walks, keeps their time limits, and lets the walks in progress end when the server stops.

It lives on the sockets' event loop. Plain walkers run in worker threads, walkers with async abilities on a second event loop, so
a program that blocks delays only other programs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from walkwire.errors import Busy, Limited, NoAccess
from walkwire.ids import SYSTEM_ROOT
from walkwire.store import GraphStore, KeyedCall, KeyedCallStore, UserStore
from walkwire.walk.access import Level
from walkwire.walk.registry import Registry
from walkwire.walk.run.answer import Answers, WalkAnswer
from walkwire.walk.run.decision import call_in_thread, level_of
from walkwire.walk.run.host import MakeChannelToken, Onlookers, Shared
from walkwire.walk.run.programs import ProgramLoop
from walkwire.walk.run.request import TaskRun, WalkRequest
from walkwire.walk.run.retry import run_until_committed
from walkwire.walk.run.threads import Mailbox, Threads
from walkwire.walk.unit.deadline import Deadline
from walkwire.walk.unit.keyed import KeyedWalks
from walkwire.walk.unit.locks import Locks
from walkwire.walk.unit.outbox import EntriesOf, Notify
from walkwire.walk.unit.record import WalkRecord, Watcher
from walkwire.walk.unit.shared_locks import SharedLockPool
from walkwire.walk.walker.ability import has_async


class RuntimeLimits(NamedTuple):
    """How much a runtime takes on.

    - threads: the number of worker threads
    - queue: how many walks may wait for a thread; beyond that, requests are refused with Busy
    - seconds: the time limit of a walk whose request sets none; 0: none
    - at_once: how many walks of one user may run or wait; beyond that, requests are refused with Limited; 0: no limit. Stored
      tasks and timetables are not counted
    - tasks: how many pending tasks a user may have; beyond that, a walk that creates one fails with Limited; 0: any number
    """

    threads: int = 16
    queue: int = 4096
    seconds: float = 0
    at_once: int = 0
    tasks: int = 0


STEP_SECONDS = 0.01  # "no access" is answered after a multiple of this

_LIMITS = RuntimeLimits()
_ANSWERS = Answers()


class RuntimeLoad(NamedTuple):
    """What the walks of a server use.

    - under_way: walks that run or wait; places: how many may
    - threads: how many there are; awake: how many work; waiting: walks that wait for one
    - locks_held, lock_waiters: of retried walks
    """

    under_way: int
    places: int
    threads: int
    awake: int
    waiting: int
    locks_held: int
    lock_waiters: int


class Runtime:
    """Runs all walks of one server process.

    - mailbox: the way to the sockets' event loop, shared with the threads
    - notify: sends a notification; called in the thread of a walk
    - keyed_calls: keeps the answers of calls with a key; None: there are no such calls
    - on_tasks: called on the event loop after a commit that stored new tasks
    - on_retry: called on the event loop with the class of a walker that is about to be retried
    - channel_token: makes the token of a channel, given its id, a root id and seconds; None: there are none
    - onlookers: know who is online; None: nobody is
    - entries_of: returns what is to be written of a notification to durable streams; None: there are none
    - watchers: are told of each walk that begins; add to them, or remove one, at any time on the event loop. While there are
      none, nothing is recorded
    """

    def __init__(
        self,
        store: GraphStore,
        registry: Registry,
        mailbox: Mailbox,
        *,
        notify: Notify,
        limits: RuntimeLimits = _LIMITS,
        answers: Answers = _ANSWERS,
        users: UserStore | None = None,
        keyed_calls: KeyedCallStore | None = None,
        on_tasks: Callable[[], None] = lambda: None,
        on_retry: Callable[[type], None] = lambda walker: None,
        channel_token: MakeChannelToken | None = None,
        onlookers: Onlookers | None = None,
        entries_of: EntriesOf | None = None,
    ) -> None:
        self.watchers: list[Watcher] = []
        self._bound = limits.threads + limits.queue
        self._seconds = limits.seconds
        self._at_once = limits.at_once
        self._under_way = 0
        self._of_payers: dict[str, int] = {}  # the walks under way of each
        self._idle = asyncio.Event()
        self._idle.set()
        self._shared_locks = SharedLockPool(store.shared_locks)
        self._shared = Shared(
            store,
            registry,
            notify,
            answers,
            Threads(mailbox, limits.threads, limits.queue, registry.record, store.commit_all),
            ProgramLoop(mailbox),
            Locks(self._shared_locks),
            asyncio.get_running_loop(),
            users,
            lambda: mailbox.post(on_tasks),
            on_retry,
            limits.tasks,
            channel_token,
            onlookers,
            entries_of,
        )
        self._keyed: KeyedWalks[WalkAnswer] | None = None
        if keyed_calls is not None:
            self._keyed = KeyedWalks(keyed_calls, answers.again, self._shared.threads.submit)
            self._keyed.start()

    @property
    def threads(self) -> Threads:
        """Return the threads that run plain abilities."""
        return self._shared.threads

    @property
    def programs(self) -> ProgramLoop:
        """Return the event loop of async abilities."""
        return self._shared.programs

    @property
    def load(self) -> RuntimeLoad:
        """Return what is in use now. Call it on the event loop."""
        threads, locks = self._shared.threads, self._shared.locks
        return RuntimeLoad(
            self._under_way,
            self._bound,
            threads.size,
            threads.awake,
            threads.waiting,
            locks.count,
            locks.waiting,
        )

    def run(self, request: WalkRequest) -> Coroutine[Any, Any, WalkAnswer]:
        """Run a walk until it is committed, and return its answer.

        Raises the walk's own error, or Conflict, Busy, Limited, NoAccess, BadReference, TimedOut.
        """
        if self.watchers and request.record is None:
            return self._run_watched(request)
        seconds = request.options.seconds
        if seconds is None:
            seconds = self._seconds
        if seconds and not isinstance(request.mode, TaskRun):
            return self._run_in_time(request, seconds)
        return self._run(request, None)

    async def _run_in_time(self, request: WalkRequest, seconds: float) -> WalkAnswer:
        deadline = Deadline()
        walk = asyncio.ensure_future(self._run(request, deadline))
        return await deadline.wait_for(walk, seconds, may_cancel=has_async(request.walker))

    async def _run_watched(self, request: WalkRequest) -> WalkAnswer:
        watchers, mode = tuple(self.watchers), request.mode
        record = WalkRecord(
            request.walker.__name__,
            request.root_id,
            "walk" if mode is None else "task" if isinstance(mode, TaskRun) else "later",
            request.entry.node,
            request.client_id,
            watchers=watchers,
        )
        for watcher in watchers:
            watcher.begun(record)
        try:
            answer = await Runtime.run(self, request._replace(record=record))
        except BaseException as error:
            record.end(0, 0, error)
            raise
        else:
            record.end(answer.status, len(answer.body), None)
            return answer
        finally:
            for watcher in watchers:
                watcher.ended(record)

    async def level(self, root_id: str, node_id: str) -> Level:
        """Return a user's level on a node, NO_ACCESS if it is absent. Runs the node's `__jac_access__` in a worker thread.

        Raises Busy, and what the program raised.
        """
        return await self._shared.threads.submit(level_of, self._shared, root_id, node_id, payer=root_id)

    async def call(self, function: Callable[..., Any], *arguments: Any, payer: str) -> Any:
        """Call a function of the program outside of a walk: in a worker thread, or on the programs' event loop if it is async.

        Raises Busy, and what the function raised.
        """
        if iscoroutinefunction(function):
            return await self._shared.programs.run(function(*arguments))
        return await self._shared.threads.submit(call_in_thread, function, arguments, payer=payer)

    async def stop(self, seconds: float) -> bool:
        """Wait until the walks in progress have ended, for so many seconds at most. False if some have not."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        else:
            if self._keyed is not None:
                self._keyed.stop()
            self._shared.threads.stop()
            await self._shared_locks.stop()
            return True
        finally:
            self._shared.programs.stop()

    async def _run(self, request: WalkRequest, deadline: Deadline | None) -> WalkAnswer:
        if self._under_way >= self._bound:
            raise Busy
        payer = self._count(request) if self._at_once else None
        begun = self._shared.loop.time()
        self._under_way += 1
        self._idle.clear()
        try:
            if request.call is not None:
                return await self._run_once(request, request.call, deadline)
            return await run_until_committed(request, self._shared, deadline)
        except NoAccess:
            # It takes longer to find out that a record is forbidden than that it is absent. The caller is not to see that.
            await asyncio.sleep(STEP_SECONDS - (self._shared.loop.time() - begun) % STEP_SECONDS)
            raise
        finally:
            if payer is not None:
                self._uncount(payer)
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _run_once(self, request: WalkRequest, call: KeyedCall, deadline: Deadline | None) -> WalkAnswer:
        if self._keyed is None:
            raise RuntimeError("This runtime has no store of keyed calls")
        return await self._keyed.run(
            call,
            lambda: run_until_committed(request, self._shared, deadline),
            _no_limit if deadline is None else deadline.check,
        )

    def _count(self, request: WalkRequest) -> str | None:
        """Count a walk for its payer, and return the payer; None: it is not counted. Raises Limited."""
        if request.root_id == SYSTEM_ROOT or (request.mode is not None and isinstance(request.mode, TaskRun)):
            return None
        payer = request.payer or request.root_id
        count = self._of_payers.get(payer, 0)
        if count >= self._at_once:
            raise Limited(
                f"{self._at_once} of your walks are under way, the most that one user may have. Please try again later!"
            )
        self._of_payers[payer] = count + 1
        return payer

    def _uncount(self, payer: str) -> None:
        count = self._of_payers[payer]
        if count > 1:
            self._of_payers[payer] = count - 1
        else:
            del self._of_payers[payer]


def _no_limit() -> None:
    """Check the time of a call that has no time limit."""
