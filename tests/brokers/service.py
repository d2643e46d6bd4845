"""Brokers of a test's own, real ones: started on a free port, killed, frozen, brought back; and a network that can stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import pytest

Kind = Literal["redis", "nats"]
KINDS: tuple[Kind, ...] = ("redis", "nats")

_PORTS = {"redis": 6379, "nats": 4222}
CLUSTER_BUS = 10_000  # the nodes of a Redis cluster listen to each other so many ports above
_PROGRAMS = {"redis": "redis-server", "nats": "nats-server"}


def missing(what: str) -> None:
    """Skip at home, fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing", pytrace=False)
    pytest.skip(f"{what} is missing")


def url_of(kind: Kind) -> str:
    """The service that runs on this machine, at its usual port."""
    if not is_open(_PORTS[kind]):
        missing(f"{kind} at port {_PORTS[kind]}")
    return f"{kind}://127.0.0.1:{_PORTS[kind]}"


def is_open(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def free_port(beside: int = 0) -> int:
    """A port at which nobody listens. The system gives it to nobody who asks for any: its owner may leave it and come back.

    `beside`: so many ports above it there is another one.
    """
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = 10_000 + secrets.randbelow(first - beside - 10_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if not beside:
                return port
            with socket.create_server(("127.0.0.1", port + beside)):
                return port


class Service:
    """A broker's process. `url` is where it is, before and after a restart."""

    def __init__(self, kind: Kind, folder: Path, *options: str) -> None:
        self.kind = kind
        self._more = options
        self.port = free_port(CLUSTER_BUS if "--cluster-enabled" in options else 0)
        self.url = f"{kind}://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not killed since."""
        return self._process is not None

    def start(self) -> None:
        """Come (back), and be there when this returns."""
        program = shutil.which(_PROGRAMS[self.kind]) or shutil.which(_PROGRAMS[self.kind], path="/usr/sbin")
        if program is None:
            missing(_PROGRAMS[self.kind])
        with (self._folder / f"{self.kind}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(program), *self._options()], cwd=self._folder, stdout=log, stderr=log
            )
        end = time.monotonic() + 10
        while not is_open(self.port):
            if time.monotonic() > end:
                self.kill()
                raise AssertionError(f"{self.kind} does not start")
            time.sleep(0.01)

    def kill(self) -> None:
        """`kill -9`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: its sockets stay open, and say nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self._process.pid}/task")
        while any(") T " not in (thread / "stat").read_text() for thread in threads.iterdir()):
            time.sleep(0.001)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _options(self) -> list[str]:
        if self.kind == "redis":
            plain = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
            return [*plain, *self._more]
        return ["-a", "127.0.0.1", "-p", str(self.port), *self._more]


@contextmanager
def service(kind: Kind, folder: Path, *options: str) -> Iterator[Service]:
    """A broker of one's own inside the block, started with these options."""
    running = Service(kind, folder, *options)
    try:
        yield running
    finally:
        running.kill()


class Wire:
    """A network between servers and a broker: forwards, counts the messages brought to the servers, or stops in silence."""

    def __init__(self, service: Service) -> None:
        self.messages = 0
        self.url = ""
        self._service = service
        self._word = b"\r\nMSG " if service.kind == "nats" else b"$7\r\nmessage\r\n"
        self._moving = asyncio.Event()
        self._moving.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Wire:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._listener.sockets[0].getsockname()[1]
        self.url = f"{self._service.kind}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the next turn

    def part(self) -> None:
        """Forward nothing more, and say nothing: a partition."""
        self._moving.clear()

    def heal(self) -> None:
        """Forward again; what was sent meanwhile arrives late, and new connections can be made."""
        self._moving.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        ends = [writer]
        try:
            await self._moving.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._service.port)
            ends.append(back)
            halves = self._forward(reader, back, False), self._forward(there, writer, True)
            await asyncio.gather(*halves)
        except (OSError, _Over):
            pass
        finally:
            for end in ends:
                end.transport.abort()

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_counted: bool
    ) -> None:
        tail = b"\r\n"
        while data := await source.read(65536):
            await self._moving.wait()
            if is_counted:
                seen = tail + data
                self.messages += seen.count(self._word)
                tail = seen[-(len(self._word) - 1) :]
            sink.write(data)
            await sink.drain()
        raise _Over


class _Over(Exception):
    """One side has closed."""
