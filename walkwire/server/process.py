"""Process: one server process: its port, its event loop, its signals, and how it stops.

To stop is: take no new connection, let the walks in flight end, write what is queued, say goodbye to the sockets, exit with 0.
SIGTERM says goodbye with 4200 (come back now), Ctrl-C with 1001. A second signal does not wait.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn

from walkwire.config import Config
from walkwire.errors import StartError
from walkwire.server.app import App, Loaded, load_program, open_app
from walkwire.server.gateway import gateway
from walkwire.server.stream import Stream
from walkwire.walk.registry import Registry
from walkwire.wire import close
from walkwire.wire.close import Close

BACKLOG = 2048
GOODBYE_SECONDS = 5.0  # for a peer to take what was written to it, and to close
SWITCH_SECONDS = (
    0.0005  # a walk that computes gives the interpreter back so often: broadcasts beside it stay quick
)

_log = logging.getLogger(__name__)


def serve(
    config: Config,
    load: Callable[[], Registry],
    announce: Callable[[int, Registry], None],
    *,
    title: str = "walkwire",
    page: Path | None = None,
) -> None:
    """Serve the program that `load` loads, until a signal comes. Raises StartError.

    `announce` is called with the port and the program's classes when all is ready.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    with ExitStack() as stack:
        sockets = [stack.enter_context(listener) for listener in listen(config.host, config.port)]
        program = load_program(config, load)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(config, program, announce, title=title, page=page, sockets=sockets))


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of `host`; port 0 takes a free one. Raises StartError."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"There is no address of the name {host!r}: {error.strerror}") from None
    listeners: list[socket.socket] = []
    for family, kind, _, _, address in dict.fromkeys(found):
        try:
            listeners.append(_listener(family, kind, (address[0], port, *address[2:])))
        except OSError as error:
            for listener in listeners:
                listener.close()
            raise StartError(_why_not(host, port, error)) from None
        port = listeners[0].getsockname()[1]
    return listeners


async def _serve(
    config: Config,
    program: Loaded,
    announce: Callable[[int, Registry], None],
    *,
    title: str,
    page: Path | None,
    sockets: list[socket.socket],
) -> None:
    stop = _Stop()
    with stop.at_signals():
        # The walks have been waited for by then.
        async with open_app(config, program, title=title, page=page, patience=0.1) as app:
            port = sockets[0].getsockname()[1]
            await _Server(app, config, stop, lambda: announce(port, app.registry)).serve(sockets)


class _Stop:
    """The wish to stop, as signals tell it: with which goodbye, and whether to wait for anything."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        self.goodbye = close.DRAIN

    @contextmanager
    def at_signals(self) -> Iterator[None]:
        """Hear SIGTERM and Ctrl-C inside the block."""
        loop = asyncio.get_running_loop()
        goodbyes = {signal.SIGTERM: close.DRAIN, signal.SIGINT: close.GOING}
        for number, goodbye in goodbyes.items():
            loop.add_signal_handler(number, self._hear, goodbye)
        try:
            yield
        finally:
            for number in goodbyes:
                loop.remove_signal_handler(number)

    async def unless_hurried(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it, but drop it when a second signal comes."""
        tasks = asyncio.ensure_future(work), asyncio.ensure_future(self.hurried.wait())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, goodbye: Close) -> None:
        if self.asked.is_set():
            self.hurried.set()
        else:
            self.goodbye = goodbye
            self.asked.set()


class _Server(uvicorn.Server):
    """uvicorn's server, with our way to stop."""

    def __init__(self, app: App, config: Config, stop: _Stop, announce: Callable[[], None]) -> None:
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
            )
        )
        self._hub = app.door.hub
        self._runner = app.runner
        self._stop = stop
        self._stop_seconds = config.stop_seconds
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are heard by `_Stop`; uvicorn would raise them again at the end, and the process not exit with 0."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()  # what the start has made stays: the collector need not look at it again
        self._announce()

    async def main_loop(self) -> None:
        while not self._stop.asked.is_set():
            await self.on_tick(0)  # the date in the head of answers
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.asked.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if not isinstance(connection, Stream):
                connection.shutdown()  # at once where it is idle, else after the answer
        await self._stop.unless_hurried(self._finish())
        await self._stop.unless_hurried(self._say_goodbye(self._stop.goodbye))

    async def _finish(self) -> None:
        """Let the requests and events end that are being handled."""
        requests = asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        events = asyncio.ensure_future(self._hub.finish(self._stop_seconds))
        tasks = asyncio.ensure_future(self._runner.finish(self._stop_seconds))
        _, late = await asyncio.wait((requests, events, tasks), timeout=self._stop_seconds)
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


def _listener(family: int, kind: int, address: Any) -> socket.socket:
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # at once: with SO_REUSEADDR two could be bound, but only one can listen
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return f"Port {port} of {host} is in use. Stop what uses it, or choose another with --port"
        case PermissionError():
            return f"Port {port} of {host} is not allowed to you: those below 1024 are the system's"
    return f"Port {port} of {host} cannot be opened: {error.strerror}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # where it cannot be built
        return None
    return uvloop.new_event_loop
