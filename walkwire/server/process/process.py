"""Process: one server process: its port, event loop and signals, and how it stops.

The order of a stop:

- The health check reports it and new sockets are refused. During the drain's seconds, open sockets are closed a few at a time.
- No new connection is accepted. Walks in progress may finish, and queued data is written.
- The remaining sockets are closed, and the process exits with 0, however many signals came.

SIGTERM closes with 4200 (reconnect now); Ctrl-C closes with 1001 and without a drain. A second signal skips the waiting.
"""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import gc
import logging
import math
import os
import signal
import socket
import sys
import termios
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

import uvicorn

from walkwire import brokers, stores
from walkwire.config import Config
from walkwire.errors import StartError
from walkwire.log.handler import name_worker
from walkwire.server.app import App, Loaded, load_program, open_app
from walkwire.server.http.files.site import Site
from walkwire.server.http.pages.headers import security_headers
from walkwire.server.process.descriptors import Descriptors
from walkwire.server.process.heap import Heap
from walkwire.server.process.listen import BACKLOG, begin, bind, binder
from walkwire.server.process.port import Port
from walkwire.server.process.timeslice import ask_for_short_slices
from walkwire.server.process.workers import CANNOT_START, Workers, WorkerSlot
from walkwire.server.socket.gateway import gateway
from walkwire.server.socket.stream import SocketStream
from walkwire.walk.registry import Registry
from walkwire.wire.message import close
from walkwire.wire.message.close import Close

BATCHES = 10  # of a drain, at least
LAST_SECONDS = (
    2.0  # after a drain, for requests that a load balancer sends on connections that it has already
)
# For an idle HTTP connection: longer than load balancers keep one, so that they close first.
KEEP_ALIVE_SECONDS = 75
GOODBYE_SECONDS = 5.0  # for a peer to read what was written to it, and to close
# How often a computing walk releases the interpreter lock: broadcasts beside it stay quick.
SWITCH_SECONDS = 0.0002
# Allocated objects between two garbage collections: a walk leaves some hundred behind, and a collection takes about 0.3 ms.
GARBAGE = 5000

_log = logging.getLogger(__name__)


def serve(
    config: Config,
    load: Callable[[], Registry],
    announce: Callable[[int, Registry], None],
    *,
    title: str = "walkwire",
    site: Site | None = None,
) -> int:
    """Serve the program that `load` loads until a signal comes. Returns the exit code.

    `announce` is called with the port and the program's classes once everything is ready. Raises StartError.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    ask_for_short_slices()
    atexit.register(_ignore_signals)  # registered first, so called last
    if config.workers > 1:
        _check_workers(config)
        work = partial(_work, config, load, announce, title, site)
        return Workers(work, config.workers, binder(config.host, config.port)).run()
    with ExitStack() as stack:
        sockets = [stack.enter_context(listener) for listener in bind(config.host, config.port)]
        program = load_program(config, load)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve_on(config, program, announce, title=title, site=site, sockets=sockets))
    return 0


def _check_workers(config: Config) -> None:
    if not brokers.kind_of(config.broker).is_multi_server:
        raise StartError(
            "Several workers need a broker to hear each other: give --broker redis://… or nats://…"
        )
    if not stores.kind_of(config.database).is_multi_server:
        raise StartError("Several workers need a database server: give --database postgresql://…")


def _work(
    config: Config,
    load: Callable[[], Registry],
    announce: Callable[[int, Registry], None],
    title: str,
    site: Site | None,
    slot: WorkerSlot,
) -> int:
    """Serve in a worker process and return its exit code."""
    name_worker(slot.number)

    def announce_all(port: int, registry: Registry) -> None:
        if slot.ready_pipe is None:
            _log.warning("Worker %d is ready", slot.number)
        elif slot.number > 1:
            os.close(slot.ready_pipe)
        else:
            with suppress(OSError):
                os.read(slot.ready_pipe, 1)  # returns when the last of the others has closed it
            announce(port, registry)

    try:
        program = load_program(config, load)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            given: dict[str, Any] = {"title": title, "site": site, "sockets": slot.listeners, "slot": slot}
            runner.run(serve_on(config, program, announce_all, **given))
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as the command line does
        return CANNOT_START
    return 0


async def serve_on(
    config: Config,
    program: Loaded,
    announce: Callable[[int, Registry], None],
    *,
    title: str,
    site: Site | None,
    sockets: list[socket.socket],
    slot: WorkerSlot | None = None,
    observe: Callable[[App], App] = lambda app: app,
) -> None:
    """Serve a loaded program until a signal comes. `observe` is given its parts, and returns those to serve."""
    stop = _Stop(slot)
    with stop.at_signals():
        # `_finish` has waited for the walks already.
        async with open_app(config, program, title=title, site=site, patience=0.1) as made:
            app = observe(made)
            tell = partial(announce, sockets[0].getsockname()[1], app.registry)
            await _Server(app, config, stop, tell, None if slot is None else slot.channel).serve(sockets)


class _Stop:
    """The request to stop, made by signals: with which close code, and whether to wait.

    A worker may get the same signal twice: from its parent and from what signalled its parent. So in a worker only SIGQUIT skips
    the waiting.
    """

    def __init__(self, slot: WorkerSlot | None = None) -> None:
        self._slot = slot
        self._is_over = False
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        self.close_code = close.DRAIN

    @contextmanager
    def at_signals(self) -> Iterator[None]:
        """Handle SIGTERM and Ctrl-C inside the block. A signal after a stop ends the process at once, with 0.

        The loop's `remove_signal_handler` restores the default action, by which a late signal would end the process with another
        exit code. So the handlers are Python's, and they stay installed.
        """
        loop = asyncio.get_running_loop()
        handlers: dict[int, Callable[[], None]] = {
            signal.SIGTERM: lambda: self._request(close.DRAIN),
            signal.SIGINT: lambda: self._request(close.GOING),
        }
        if self._slot is not None:
            handlers[signal.SIGQUIT] = self._hurry
            loop.add_reader(self._slot.parent_pipe, self._lose_parent, self._slot.parent_pipe)

        def handle(number: int, _: FrameType | None) -> None:
            if self._is_over:
                _leave()
            loop.call_soon_threadsafe(handlers[number])

        before = {number: signal.signal(number, handle) for number in handlers}
        try:
            yield
        finally:
            if self._slot is not None:
                loop.remove_reader(self._slot.parent_pipe)
            self._is_over = self.asked.is_set()
            if not self._is_over:  # it could not start, which has an exit code of its own
                for number, handler in before.items():
                    signal.signal(number, handler)

    async def unless_hurried(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, but cancel it when a second signal comes. Returns when it has ended."""
        task, hurry = asyncio.ensure_future(work), asyncio.ensure_future(self.hurried.wait())
        await asyncio.wait((task, hurry), return_when=asyncio.FIRST_COMPLETED)
        for one in (task, hurry):
            one.cancel()
        outcome, _ = await asyncio.gather(task, hurry, return_exceptions=True)
        if isinstance(outcome, Exception):
            _log.error("A step of the stop failed", exc_info=outcome)

    def _request(self, code: Close) -> None:
        if self.asked.is_set() and self._slot is None:
            self.hurried.set()
        elif not self.asked.is_set():
            self.close_code = code
            self.asked.set()

    def _hurry(self) -> None:
        self.asked.set()
        self.hurried.set()

    def _lose_parent(self, parent_pipe: int) -> None:
        asyncio.get_running_loop().remove_reader(parent_pipe)
        self._request(close.DRAIN)


class _Server(uvicorn.Server):
    """uvicorn's server, with another way to stop."""

    def __init__(
        self,
        app: App,
        config: Config,
        stop: _Stop,
        announce: Callable[[], None],
        channel: socket.socket | None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app.api,
                http=gateway(app.door, body_seconds=config.body_seconds, upgrades=app.upgrades),
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                headers=security_headers(config),
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self._connections = app.door.connections
        self._runner = app.runner
        self._health = app.health
        self._drain_seconds = config.drain_seconds
        self._descriptors = Descriptors()
        self._heap = Heap()
        app.door.memory.on_freed = self._heap.trim
        self._stop = stop
        self._stop_seconds = config.stop_seconds
        self._announce = announce
        self._channel = channel

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: `_Stop` handles signals. uvicorn would raise them again at the end, and the exit code would not be 0."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        assert sockets is not None
        for listener in sockets:
            begin(listener)
        await super().startup(sockets)
        gc.set_threshold(GARBAGE)
        make: Callable[..., asyncio.BaseProtocol] = self.config.http_protocol_class
        state, app_state = self.server_state, self.lifespan.state
        protocol = partial(make, config=self.config, server_state=state, app_state=app_state)
        self._port = Port(protocol, sockets, self.servers, self._channel)
        gc.freeze()  # objects of the start live as long as the process: exempt them from collection
        self._announce()

    async def main_loop(self) -> None:
        while not self._stop.asked.is_set():
            await self.on_tick(0)  # updates the Date header of answers
            self._health.lack(self._descriptors.look(len(self.server_state.connections)))
            self._heap.tick()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.asked.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._health.leave("the server is stopping")
        self._connections.is_leaving = True
        self.config.encoded_headers.append(
            (b"connection", b"close")
        )  # each answer is the last of its connection
        await self.on_tick(0)
        has_drain = self._stop.close_code is close.DRAIN and self._drain_seconds > 0
        if has_drain:
            await self._stop.unless_hurried(self._drain())
        await self._port.close()
        if has_drain:
            await self._stop.unless_hurried(self._serve_last_requests())
        for connection in list(self.server_state.connections):
            # One that is idle is closed at once, another after its answer. If a request has arrived at one that seems idle, it is
            # answered first, and then closed: a load balancer may not send a POST again that it has sent.
            if not isinstance(connection, SocketStream) and not _has_unread(connection):
                connection.shutdown()
        await self._stop.unless_hurried(self._finish())
        await self._stop.unless_hurried(self._say_goodbye(self._stop.close_code))

    async def _drain(self) -> None:
        """Close the sockets a few at a time, so that the clients do not reconnect all at once.

        Requests are still served: a load balancer may not repeat a POST, so it could not send it to another server.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._drain_seconds
        pause = min(1.0, self._drain_seconds / BATCHES)
        while (left := end - loop.time()) > 0:
            await asyncio.sleep(min(pause, left))  # so that the load balancer notices first
            await self.on_tick(0)
            here = self.server_state.connections
            streams = [one for one in here if isinstance(one, SocketStream) and not one.is_leaving]
            for stream in streams[: math.ceil(len(streams) * pause / max(pause, left))]:
                stream.leave(self._stop.close_code)

    async def _serve_last_requests(self) -> None:
        """Wait until no HTTP connection waits for a request, at most for the last seconds.

        No connection is accepted any more, and each answer closes its connection. A load balancer may be about to send a request
        on one that it has. If the server closed it at this moment, a POST would fail, since it may not be repeated.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + min(LAST_SECONDS, self._drain_seconds)
        # uvicorn has no event for a closed connection
        while loop.time() < end and any(map(_awaits_request, self.server_state.connections)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def _finish(self) -> None:
        """Wait for the requests and events that are being handled."""
        events = asyncio.ensure_future(self._connections.finish(self._stop_seconds))
        tasks = asyncio.ensure_future(self._runner.finish(self._stop_seconds))
        try:
            everything = {*self.server_state.tasks, events, tasks}
            _, late = await asyncio.wait(everything, timeout=self._stop_seconds)
        finally:  # they must not run while the app is closed
            for waiting in (events, tasks):
                waiting.cancel()
            await asyncio.wait((events, tasks))
        if late or self._connections.under_way:
            _log.warning(
                "Some walks did not end within %g seconds and are left to themselves", self._stop_seconds
            )

    async def _say_goodbye(self, goodbye: Close) -> None:
        await self._connections.close_all(goodbye, GOODBYE_SECONDS)
        end = asyncio.get_running_loop().time() + GOODBYE_SECONDS
        # uvicorn has no event for a closed connection
        while self.server_state.connections and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _awaits_request(connection: Any) -> bool:
    """Return whether this is an HTTP connection without a request in progress."""
    cycle = getattr(connection, "cycle", None)
    return not isinstance(connection, SocketStream) and (cycle is None or cycle.response_complete)


def _has_unread(connection: Any) -> bool:
    """Return whether bytes have arrived at an HTTP connection that the event loop has not read yet."""
    transport: Any = getattr(connection, "transport", None) or getattr(connection, "_transport", None)
    size = bytearray(4)
    with suppress(OSError, ValueError, AttributeError):  # it is closed already
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, size)
    return any(size)


def _leave() -> None:
    """End the process at once, with 0: everything has been sent and written."""
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _ignore_signals() -> None:
    """Ignore signals from now on: before it exits, the interpreter restores the default action of the signals that it handled."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes an event loop: uvloop's where it is available; None: asyncio's own."""
    try:
        import uvloop
    except ImportError:  # not available on this platform
        return None
    return uvloop.new_event_loop
