"""Retry: makes attempts at a walk until one is committed, and waits for locks between them."""

from __future__ import annotations

import asyncio

from walkwire.errors import Conflict
from walkwire.store import View
from walkwire.walk.run.answer import WalkAnswer
from walkwire.walk.run.host import ServerHost, Shared
from walkwire.walk.run.off_loop import off_loop
from walkwire.walk.run.request import Later, WalkRequest
from walkwire.walk.run.run import Outcome, Run
from walkwire.walk.run.verdict import Blocked, Unfit
from walkwire.walk.unit.deadline import Deadline
from walkwire.walk.unit.locks import PATIENCE_SECONDS
from walkwire.walk.unit.outbox import WalkOutbox
from walkwire.walk.walker.ability import has_async

ATTEMPTS = 10

Keys = frozenset[str]

_NO_KEYS: Keys = frozenset()


async def run_until_committed(request: WalkRequest, shared: Shared, deadline: Deadline | None) -> WalkAnswer:
    """Run a walk until it is committed, and return its answer. Raises what the walk raised; Conflict, Busy.

    A run whose reads are out of date is retried. The retry holds the locks of what changed, or reads from a snapshot if the run
    had changed nothing. A run that only waits for locks of others keeps its work, and holds neither thread nor connection.
    """
    host = ServerHost(shared)
    patience_ends = shared.loop.time() + PATIENCE_SECONDS
    outbox: WalkOutbox | None = None
    in_snapshot = False
    try:
        for _ in range(ATTEMPTS):
            try:
                if not in_snapshot:
                    return await _attempt(request, host, outbox, deadline, False, patience_ends)
                async with shared.locks.between_servers.permit():
                    return await _attempt(request, host, outbox, deadline, True, patience_ends)
            except Unfit as unfit:
                if unfit.run.has_committed or not request.options.may_retry:
                    break
                shared.on_retry(request.walker)
                outbox = unfit.run.outbox
                in_snapshot = unfit.was_reading and request.call is None  # whose answer has to be written
                await _acquire(host, _NO_KEYS if in_snapshot else unfit.keys, _NO_KEYS, patience_ends)
    finally:
        if host.claim is not None:
            host.claim.release()
    raise Conflict


async def _attempt(
    request: WalkRequest,
    host: ServerHost,
    outbox: WalkOutbox | None,
    deadline: Deadline | None,
    in_snapshot: bool,
    patience_ends: float,
) -> WalkAnswer:
    shared, payer = host.shared, request.payer or request.root_id
    outcome: WalkAnswer | Blocked
    if has_async(request.walker) and not isinstance(request.mode, Later):
        outcome = await shared.programs.run(_run_async(request, host, outbox, deadline, in_snapshot))
    else:
        outcome = await shared.threads.submit(_run, request, host, outbox, deadline, in_snapshot, payer=payer)
    while isinstance(outcome, Blocked):
        if outcome.is_void and request.options.may_retry:
            raise Unfit(outcome.hold, outcome.run)
        await _acquire(host, outcome.hold, outcome.kinds, patience_ends)
        outcome = await shared.threads.submit(outcome.resume, payer=payer)
    return outcome


def _run(
    request: WalkRequest,
    host: ServerHost,
    outbox: WalkOutbox | None,
    deadline: Deadline | None,
    in_snapshot: bool,
) -> Outcome:
    """Make one attempt, in a worker thread. The thread records the classes that the program makes meanwhile."""
    shared = host.shared
    if not in_snapshot:
        run = _make_run(request, host, outbox, deadline, shared.store.latest())
        run.may_leave = shared.store.commit_all is not None
        return run.execute(request, shared.answers)
    with shared.store.snapshot() as view:
        run = _make_run(request, host, outbox, deadline, view)
        try:
            return run.execute(request, shared.answers)
        finally:
            run.graph.read_from(shared.store.latest())  # for references that are looked up after the end


async def _run_async(
    request: WalkRequest,
    host: ServerHost,
    outbox: WalkOutbox | None,
    deadline: Deadline | None,
    in_snapshot: bool,
) -> WalkAnswer | Blocked:
    """Make one attempt, on the programs' event loop."""
    shared = host.shared
    with shared.registry.recording():
        if not in_snapshot:
            run = _make_run(request, host, outbox, deadline, shared.store.latest())
            run.leave_loop(host.begin_in_thread)
            return await run.execute_async(request, shared.answers)
        snapshot = shared.store.snapshot()
        view = off_loop(host.begin_in_thread, snapshot.__enter__)
        try:
            run = _make_run(request, host, outbox, deadline, view)
            run.leave_loop(host.begin_in_thread)
            return await run.execute_async(request, shared.answers)
        finally:
            off_loop(host.begin_in_thread, snapshot.__exit__, None, None, None)


def _make_run(
    request: WalkRequest, host: ServerHost, outbox: WalkOutbox | None, deadline: Deadline | None, view: View
) -> Run:
    shared, options = host.shared, request.options
    run = Run(
        shared.store,
        view,
        shared.registry,
        request.root_id,
        host,
        shared.notify,
        outbox=outbox,
        client_id=request.client_id,
        status=options.status,
        may_retry=options.may_retry,
        deadline=deadline,
        user_tasks=shared.user_tasks,
        call=request.call,
    )
    if request.record is not None:
        run.watch(request.record)
    return run


async def _acquire(host: ServerHost, hold: Keys, kinds: Keys, patience_ends: float) -> None:
    """Wait for locks until `patience_ends`, a time of the event loop. Raises Conflict then."""
    if not hold and not kinds:
        return
    patience = max(0.1, patience_ends - host.shared.loop.time())
    try:
        async with asyncio.timeout_at(patience_ends):
            await host.claimed().acquire(hold, kinds, patience)
    except TimeoutError:
        raise Conflict from None
