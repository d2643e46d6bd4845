"""Runtime: takes orders for walks, runs each as often as it needs to be, and gives the answer.

It lives on the sockets' event loop. Plain walkers run in its worker threads, walkers with async abilities on a second event
loop, so that what a program blocks is only other programs. A walk that waits for a lock holds neither thread nor connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeVar

from walkwire.errors import Busy, Conflict, NoAccess, Refused
from walkwire.ids import parse_reference
from walkwire.store import Changes, GraphStore, Held, TaskEnd, UserStore, View
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.context import Walk, enter_walk, leave_walk
from walkwire.walk.registry import Registry
from walkwire.walk.run.threads import Mailbox, ProgramLoop, Threads
from walkwire.walk.run.verdict import Unfit, Verdict
from walkwire.walk.unit.deadline import Allowance
from walkwire.walk.unit.locks import PATIENCE_SECONDS, Claim, Locks
from walkwire.walk.unit.shared_locks import Seats
from walkwire.walk.unit.unit import Unit
from walkwire.walk.walker import report
from walkwire.walk.walker.ability import has_async
from walkwire.walk.walker.fields import nodes_found
from walkwire.walk.walker.notify import Tell, WalkOutbox
from walkwire.walk.walker.task import create_task
from walkwire.walk.walker.walker import Walker, awalk_through, walk_through

RUNS = 10

Keys = frozenset[str]
Result = TypeVar("Result")


class Order(NamedTuple):
    """What is asked for. `values` makes the walker's fields afresh for each run; `node` is a reference, None the own root.

    `client_id` is the connection whose event this is, None over REST. `may_rerun` False: the first conflict is the last.
    `status` is the answer's where the walker sets none. `is_later`: the walk is only ordered, and the answer is the walker's id.
    `id` is the walker's then (None: a new one). `is_forgotten`: the walker of a task goes with the end of its walk.
    `kinds` are the classes of places at which it may begin, `root` among them; None: all.
    `task` names the walker that was ordered so and the server that lets it walk now; `values` are not asked for then.
    `seconds` is how long the caller waits (None: the runtime's; 0: as long as it takes); for a task nobody does.
    """

    walker: type[Walker]
    values: Callable[[], dict[str, Any]]
    root_id: str
    tell: Tell
    node: str | None = None
    client_id: str | None = None
    may_rerun: bool = True
    status: int = 200
    is_later: bool = False
    id: str | None = None
    is_forgotten: bool = False
    kinds: frozenset[str] | None = None
    task: tuple[str, str] | None = None
    seconds: float | None = None


class Answer(NamedTuple):
    """What a walk gives: HTTP status and ready JSON body; or `response`, an object that the program put in place of both."""

    status: int
    body: bytes
    response: Any = None


class _Blocked(NamedTuple):
    """A run that is over, but whose commit has to wait for locks of others: `hold` it is to have itself, of `kinds` it is enough
    that others do not. `is_void`: it had read what they are about to change, so that there is little hope for it."""

    hold: Keys
    kinds: Keys
    is_void: bool
    resume: Callable[[], Answer | _Blocked]


class Runtime:
    """All walks of one server process."""

    def __init__(
        self,
        store: GraphStore,
        registry: Registry,
        *,
        threads: int = 16,
        queue: int = 4096,
        seconds: float = 0,
        with_returns: bool = False,
        is_response: Callable[[Any], bool] = lambda value: False,
        accounts: UserStore | None = None,
        on_retry: Callable[[type], None] = lambda walker: None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._with_returns = with_returns
        self._is_response = is_response
        self.on_tasks: Callable[[], None] = lambda: None
        self.accounts = accounts
        self._on_retry = on_retry
        self._loop = asyncio.get_running_loop()
        self._bound = threads + queue
        self._seconds = seconds
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._seats = Seats(store.crowd)
        self._locks = Locks(self._seats)
        self.mailbox = Mailbox(self._loop)
        self._threads = Threads(self.mailbox, threads, queue, registry.record)
        self._programs = ProgramLoop()

    async def run(self, order: Order) -> Answer:
        """Walk until it is committed. Raises what the walk raised; Conflict, Busy, NoAccess, BadReference, TimedOut."""
        seconds = self._seconds if order.seconds is None else order.seconds
        if not seconds or order.task is not None:
            return await self._count(order, None)
        allowance = Allowance()
        walk = asyncio.ensure_future(self._count(order, allowance))
        return await allowance.wait_for(walk, seconds, may_cancel=has_async(order.walker))

    async def _count(self, order: Order, allowance: Allowance | None) -> Answer:
        if self._under_way >= self._bound:
            raise Busy
        self._under_way += 1
        self._idle.clear()
        try:
            return await self._run(order, allowance)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def stop(self, seconds: float) -> bool:
        """Let the walks in flight end, for so long at most; False where some did not."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        else:
            self._threads.stop()
            await self._seats.stop()
            return True
        finally:
            self._programs.stop()

    async def _run(self, order: Order, allowance: Allowance | None) -> Answer:
        outbox = WalkOutbox(order.tell, order.may_rerun)
        deadline = self._loop.time() + PATIENCE_SECONDS
        claim = Claim(self._locks)
        in_snapshot = False
        try:
            for _ in range(RUNS):
                try:
                    run = _Run(self, order, outbox, claim, in_snapshot, allowance)
                    if not in_snapshot:
                        return await self._once(order, run, claim, deadline)
                    async with self._seats.seat():
                        return await self._once(order, run, claim, deadline)
                except Unfit as unfit:
                    if unfit.has_committed or not order.may_rerun:
                        break
                    self._on_retry(order.walker)
                    in_snapshot = unfit.was_reading
                    await self._widen(claim, frozenset() if in_snapshot else unfit.keys, deadline)
        finally:
            claim.release()
        raise Conflict

    async def _once(self, order: Order, run: _Run, claim: Claim, deadline: float) -> Answer:
        outcome: Answer | _Blocked
        if has_async(order.walker) and not order.is_later:
            outcome = await self._programs.run(run.on_programs_loop())
        else:
            outcome = await self._threads.submit(run.in_this_thread)
        while isinstance(outcome, _Blocked):
            if outcome.is_void and order.may_rerun:
                raise Unfit(outcome.hold)
            await self._widen(claim, outcome.hold, deadline, outcome.kinds)
            outcome = await self._threads.submit(outcome.resume)
        return outcome

    def _tell_of_tasks(self) -> None:
        self.mailbox.post(self.on_tasks)

    async def _widen(self, claim: Claim, keys: Keys, deadline: float, kinds: Keys = frozenset()) -> None:
        patience = max(0.1, deadline - self._loop.time())
        try:
            async with asyncio.timeout_at(deadline):
                await claim.get_past(keys, kinds, patience)
        except TimeoutError:
            raise Conflict from None


class _Run:
    """One run of one order: the bridge of its walk, and its line. All but its making happens away from the sockets' loop."""

    def __init__(
        self,
        runtime: Runtime,
        order: Order,
        outbox: WalkOutbox,
        claim: Claim,
        in_snapshot: bool,
        allowance: Allowance | None,
    ) -> None:
        self._runtime = runtime
        self._order = order
        self._outbox = outbox
        self._claim = claim
        self._in_snapshot = in_snapshot
        self._allowance = allowance

    def in_this_thread(self) -> Answer | _Blocked:
        """The whole run. What the program makes of classes meanwhile is recorded, as in each thread of these."""
        store = self._runtime._store
        if not self._in_snapshot:
            return self._walk(self._unit(store.latest()))
        with store.snapshot() as view:
            return self._walk(self._unit(view))

    async def on_programs_loop(self) -> Answer | _Blocked:
        """The whole run, of a walker with async abilities."""
        store = self._runtime._store
        with ExitStack() as stack:
            unit = self._unit(stack.enter_context(store.snapshot()) if self._in_snapshot else store.latest())
            stack.callback(leave_walk, enter_walk(unit.walk))
            stack.enter_context(self._runtime._registry.recording())
            with Verdict(unit, self._order.may_rerun):
                walker, start = self._begin(unit)
                await awalk_through(walker, [start])
                return self._conclude(unit, walker)

    @property
    def accounts(self) -> UserStore | None:
        return self._runtime.accounts

    def wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runtime._programs.wait_for(coroutine)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await self._runtime._threads.from_a_loop(function, *arguments)

    def held(self, keys: Keys) -> Keys:
        return self._runtime._locks.held(keys, self._claim)

    def stand(self, hold: Keys, kinds: Keys) -> None:
        waiting = asyncio.run_coroutine_threadsafe(self._claim.get_past(hold, kinds), self._runtime._loop)
        try:
            waiting.result(PATIENCE_SECONDS)
        except TimeoutError:
            waiting.cancel()
            raise Conflict from None

    def mine(self) -> Collection[str]:
        return self._claim.keys

    def _walk(self, unit: Unit) -> Answer | _Blocked:
        token = enter_walk(unit.walk)
        try:
            with Verdict(unit, self._order.may_rerun):
                walker, start = self._begin(unit)
                if self._order.is_later:
                    unit.walk.custom = {"walker_id": create_task(walker, start)}
                else:
                    walk_through(walker, [start])
                return self._conclude(unit, walker)
        finally:
            leave_walk(token)

    def _unit(self, view: View) -> Unit:
        runtime, order = self._runtime, self._order
        unit = Unit(
            runtime._store,
            view,
            runtime._registry,
            order.root_id,
            outbox=self._outbox,
            bridge=self,
            line=self,
            client_id=order.client_id,
            on_tasks=runtime._tell_of_tasks,
            allowance=self._allowance,
        )
        unit.walk.status = order.status
        return unit

    def _begin(self, unit: Unit) -> tuple[Walker, Any]:
        order, graph = self._order, unit.graph

        def find(text: str) -> Any:
            reference = parse_reference(text)
            found = graph.find(reference.id)
            if found is None:
                raise NoAccess(str(reference))
            return found

        start = find(order.node) if order.node else graph.root()
        if not isinstance(start, Node | Edge):
            raise NoAccess(str(order.node))
        if order.kinds is not None and (start.__jac__.kind or "root") not in order.kinds:
            raise Refused("Forbidden")
        if order.task is not None:
            walker = find(order.task[0])
        else:
            walker = order.walker(**nodes_found(order.walker, order.values(), find))
            if order.id is not None:
                walker.__jac__.id = order.id
        unit.walk.returns, unit.walk.entry = walker.__jac__.returns, start
        return walker, start

    def _conclude(self, unit: Unit, walker: Walker) -> Answer | _Blocked:
        if unit.has_committed:
            unit.graph.renew_all([unit.walk.custom, unit.walk.reports])
        answer = self._answer(unit.walk)
        if self._order.is_forgotten:
            unit.graph.delete(walker)
        changes = unit.graph.changes()
        if self._order.task is not None:
            changes.ended_task = _ended(*self._order.task, unit.walk, answer)
        return self._write(unit, changes, answer)

    def _blocked(self, keys: Keys, held: Keys, unit: Unit, changes: Changes, answer: Answer) -> _Blocked:
        is_void = not unit.has_committed and not held.isdisjoint(unit.locks_of_reads())
        return _Blocked(*unit.parted(keys, held), is_void, lambda: self._resume(unit, changes, answer))

    def _resume(self, unit: Unit, changes: Changes, answer: Answer) -> Answer | _Blocked:
        token = enter_walk(unit.walk)
        try:
            with Verdict(unit, self._order.may_rerun):
                return self._write(unit, changes, answer)
        finally:
            leave_walk(token)

    def _write(self, unit: Unit, changes: Changes, answer: Answer) -> Answer | _Blocked:
        if not self._runtime._locks.is_quiet() and (held := self.held(keys := unit.locks(changes))):
            return self._blocked(keys, held, unit, changes, answer)
        try:
            unit.write(changes, is_last=True)
        except Held as told:
            return self._blocked(told.keys, told.keys, unit, changes, answer)
        return answer

    def _answer(self, walk: Walk) -> Answer:
        runtime = self._runtime
        for value in (walk.custom, *walk.reports, *walk.returns):
            if value is not None and runtime._is_response(value):
                return Answer(walk.status, b"", value)
        if walk.custom is not None:
            return Answer(walk.status, report.encode_body(walk.custom))
        returns = walk.returns if runtime._with_returns else None
        return Answer(walk.status, report.answer(walk.status, walk.reports, returns))


def _ended(id: str, server: str, walk: Walk, answer: Answer) -> TaskEnd:
    is_custom = walk.custom is not None or answer.response is not None
    custom = (answer.body or b"null").decode() if is_custom else None
    told = [one for one in walk.reports if one is None or one is not answer.response]
    reports = report.encode_reports(told).decode()
    return TaskEnd(id, server, "COMPLETED", walk.status, reports, custom)
