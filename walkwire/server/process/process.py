"""Process: one server process: its port, its event loop, its signals, and how it stops.

To stop is: say so to load balancers, refuse new sockets and, over the drain's seconds, send those that are here elsewhere; then
take no new connection, let the walks in flight end, write what is queued, say goodbye to whoever is left, exit with 0. SIGTERM
says goodbye with 4200 (come back now), Ctrl-C with 1001 and without a drain. A second signal does not wait.
The exit code is 0 however many signals come.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from walkwire.brokers import MEMORY
from walkwire.config import Config
from walkwire.errors import StartError
from walkwire.server.app import App, Loaded, load_program, open_app
from walkwire.server.process.listen import BACKLOG, begin, bind, binder
from walkwire.server.process.port import Port
from walkwire.server.process.timeslice import ask_for_short_slices
from walkwire.server.process.workers import CANNOT_START, Post, Workers
from walkwire.server.socket.gateway import gateway
from walkwire.server.socket.stream import Stream
from walkwire.walk.registry import Registry
from walkwire.wire.message import close
from walkwire.wire.message.close import Close

BATCHES = 10  # of a drain, at least
LAST_SECONDS = 0.5  # after a drain, for requests that are under way on connections without an answer yet
KEEP_ALIVE_SECONDS = (
    75  # for an idle HTTP connection: longer than load balancers keep one, so that they close first
)
GOODBYE_SECONDS = 5.0  # for a peer to take what was written to it, and to close
SWITCH_SECONDS = (
    0.0002  # a walk that computes gives the interpreter back so often: broadcasts beside it stay quick
)

GARBAGE = 5000  # objects until the collector looks: a walk leaves some hundred behind, and to look takes some 0.3 ms

_log = logging.getLogger(__name__)


def serve(
    config: Config,
    load: Callable[[], Registry],
    announce: Callable[[int, Registry], None],
    *,
    title: str = "walkwire",
    page: Path | None = None,
) -> int:
    """Serve the program that `load` loads, until a signal comes; gives the exit code. Raises StartError.

    `announce` is called with the port and the program's classes when all is ready.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    ask_for_short_slices()
    atexit.register(_ignore_signals)  # the first to be registered is the last to be called
    if config.workers > 1:
        _check_workers(config)
        work = partial(_work, config, load, announce, title, page)
        return Workers(work, config.workers, binder(config.host, config.port)).run()
    with ExitStack() as stack:
        sockets = [stack.enter_context(listener) for listener in bind(config.host, config.port)]
        program = load_program(config, load)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(config, program, announce, title=title, page=page, sockets=sockets))
    return 0


def _check_workers(config: Config) -> None:
    if config.broker.startswith(MEMORY):
        raise StartError(
            "Several workers need a broker to hear each other: give --broker redis://… or nats://…"
        )
    if config.database.startswith("sqlite"):
        raise StartError("Several workers need a database server: give --database postgresql://…")


def _work(
    config: Config,
    load: Callable[[], Registry],
    announce: Callable[[int, Registry], None],
    title: str,
    page: Path | None,
    post: Post,
) -> int:
    """One worker's life, in its own process."""
    logs = logging.Formatter(f"%(asctime)s worker {post.number} %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logs)

    def tell(port: int, registry: Registry) -> None:
        if post.gate is None:
            _log.warning("Worker %d is ready", post.number)
        elif post.number > 1:
            os.close(post.gate)
        else:
            with suppress(OSError):
                os.read(post.gate, 1)  # ends when the last of the others has closed it
            announce(port, registry)

    try:
        program = load_program(config, load)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(
                _serve(config, program, tell, title=title, page=page, sockets=post.listeners, post=post)
            )
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as the command line does
        return CANNOT_START
    return 0


async def _serve(
    config: Config,
    program: Loaded,
    announce: Callable[[int, Registry], None],
    *,
    title: str,
    page: Path | None,
    sockets: list[socket.socket],
    post: Post | None = None,
) -> None:
    stop = _Stop(post)
    with stop.at_signals():
        # The walks have been waited for by then.
        async with open_app(config, program, title=title, page=page, patience=0.1) as app:
            port = sockets[0].getsockname()[1]
            channel = None if post is None else post.channel
            await _Server(app, config, stop, lambda: announce(port, app.registry), channel).serve(sockets)


class _Stop:
    """The wish to stop, as signals tell it: with which goodbye, and whether to wait for anything.

    A worker may be told the same twice, by its parent and by what told its parent: there only SIGQUIT hurries.
    """

    def __init__(self, post: Post | None = None) -> None:
        self._post = post
        self._is_over = False
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        self.goodbye = close.DRAIN

    @contextmanager
    def at_signals(self) -> Iterator[None]:
        """Hear SIGTERM and Ctrl-C inside the block. After a stop, a signal that comes later ends the process at once, with 0.

        The loop's own `remove_signal_handler` restores the default action, which would end a process that is about to exit
        with 0 by the signal. So the handlers are Python's, and they stay.
        """
        loop = asyncio.get_running_loop()
        heard: dict[int, Callable[[], None]] = {
            signal.SIGTERM: lambda: self._hear(close.DRAIN),
            signal.SIGINT: lambda: self._hear(close.GOING),
        }
        if self._post is not None:
            heard[signal.SIGQUIT] = self._hurry
            loop.add_reader(self._post.lifeline, self._lose_parent, self._post.lifeline)

        def handle(number: int, _: FrameType | None) -> None:
            if self._is_over:
                _leave()
            loop.call_soon_threadsafe(heard[number])

        before = {number: signal.signal(number, handle) for number in heard}
        try:
            yield
        finally:
            if self._post is not None:
                loop.remove_reader(self._post.lifeline)
            self._is_over = self.asked.is_set()
            if not self._is_over:  # it could not start: that has an exit code of its own
                for number, handler in before.items():
                    signal.signal(number, handler)

    async def unless_hurried(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it, but drop it when a second signal comes; returns when it has ended."""
        task, hurry = asyncio.ensure_future(work), asyncio.ensure_future(self.hurried.wait())
        await asyncio.wait((task, hurry), return_when=asyncio.FIRST_COMPLETED)
        for one in (task, hurry):
            one.cancel()
        outcome, _ = await asyncio.gather(task, hurry, return_exceptions=True)
        if isinstance(outcome, Exception):
            _log.error("A part of the stop failed", exc_info=outcome)

    def _hear(self, goodbye: Close) -> None:
        if self.asked.is_set() and self._post is None:
            self.hurried.set()
        elif not self.asked.is_set():
            self.goodbye = goodbye
            self.asked.set()

    def _hurry(self) -> None:
        self.asked.set()
        self.hurried.set()

    def _lose_parent(self, lifeline: int) -> None:
        asyncio.get_running_loop().remove_reader(lifeline)
        self._hear(close.DRAIN)


class _Server(uvicorn.Server):
    """uvicorn's server, with our way to stop."""

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
                http=gateway(app.door),
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self._hub = app.door.hub
        self._runner = app.runner
        self._health = app.health
        self._drain_seconds = config.drain_seconds
        self._stop = stop
        self._stop_seconds = config.stop_seconds
        self._announce = announce
        self._channel = channel

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are heard by `_Stop`; uvicorn would raise them again at the end, and the process not exit with 0."""
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
        gc.freeze()  # what the start has made stays: the collector need not look at it again
        self._announce()

    async def main_loop(self) -> None:
        while not self._stop.asked.is_set():
            await self.on_tick(0)  # the date in the head of answers
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.asked.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._health.leave("the server is stopping")
        self._hub.is_leaving = True
        self.config.encoded_headers.append(
            (b"connection", b"close")
        )  # each answer is the last of its connection
        await self.on_tick(0)
        has_drain = self._stop.goodbye is close.DRAIN and self._drain_seconds > 0
        if has_drain:
            await self._stop.unless_hurried(self._drain())
        await self._port.close()
        if has_drain:
            await self._stop.unless_hurried(asyncio.sleep(min(LAST_SECONDS, self._drain_seconds / BATCHES)))
        for connection in list(self.server_state.connections):
            if not isinstance(connection, Stream):
                connection.shutdown()  # at once where it is idle, else after the answer
        await self._stop.unless_hurried(self._finish())
        await self._stop.unless_hurried(self._say_goodbye(self._stop.goodbye))

    async def _drain(self) -> None:
        """Send the sockets elsewhere, a few at a time so that they do not all come back at once.

        Requests are served meanwhile: a load balancer may not repeat a POST, so it could not take it to another server.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._drain_seconds
        pause = min(1.0, self._drain_seconds / BATCHES)
        while (left := end - loop.time()) > 0:
            await asyncio.sleep(min(pause, left))  # the load balancer learns it first
            await self.on_tick(0)
            here = self.server_state.connections
            streams = [one for one in here if isinstance(one, Stream) and not one.is_leaving]
            for stream in streams[: math.ceil(len(streams) * pause / max(pause, left))]:
                stream.leave(self._stop.goodbye)

    async def _finish(self) -> None:
        """Let the requests and events end that are being handled."""
        events = asyncio.ensure_future(self._hub.finish(self._stop_seconds))
        tasks = asyncio.ensure_future(self._runner.finish(self._stop_seconds))
        try:
            everything = {*self.server_state.tasks, events, tasks}
            _, late = await asyncio.wait(everything, timeout=self._stop_seconds)
        finally:  # they must not go on beside the end of the app
            for waiting in (events, tasks):
                waiting.cancel()
            await asyncio.wait((events, tasks))
        if late or self._hub.work:
            _log.warning(
                "Some walks did not end within %g seconds and are left to themselves", self._stop_seconds
            )

    async def _say_goodbye(self, goodbye: Close) -> None:
        await self._hub.close_all(goodbye, GOODBYE_SECONDS)
        end = asyncio.get_running_loop().time() + GOODBYE_SECONDS
        # uvicorn tells nobody when a connection goes
        while self.server_state.connections and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _leave() -> None:
    """End the process at once, with 0: all that had to be said and written is."""
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _ignore_signals() -> None:
    """For the last moments: the interpreter restores the default action of a signal that it handled, before it exits."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # where it cannot be built
        return None
    return uvloop.new_event_loop
