"""A PostgreSQL of a test's own, which may be stopped, killed and frozen; and a line to it that delays, stops, or breaks."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.brokers.service import free_port, missing

_ACCOUNT = "postgres"  # as root it does not run
_SETTINGS = "-c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=16MB"


class PostgresServer:
    """`url` is its database, before and after a restart."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = self.url_at(self.port)
        self._data = folder / "data"
        self._log = folder / "log"
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()

    def url_at(self, port: int) -> str:
        """The same database by way of another port of this machine."""
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        """Come (back), and be there when this returns."""
        self._run(
            "pg_ctl", "-D", self._data, "-l", self._log, "-w", "-o", f"-p {self.port} {_SETTINGS}", "start"
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop in good order; `immediate` is as good as pulling the plug: it recovers at the next start."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """None of its processes runs for the time of the block, and all its sockets stay open."""
        processes = self._processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def _processes(self) -> list[int]:
        parent = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=True)
        return [parent, *map(int, found.stdout.split())]

    def _run(self, program: str, *arguments: object) -> None:
        found = shutil.which(program) or next(
            (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))), None
        )
        if found is None:
            missing(program)
        other = ["runuser", "-u", _ACCOUNT, "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*other, str(found), *map(str, arguments)], check=True, cwd="/", stdout=subprocess.DEVNULL
        )


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """One inside the block."""
    folder = Path(tempfile.mkdtemp(prefix="walkwire-postgres-"))
    try:
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam(_ACCOUNT).pw_uid, -1)
        server = PostgresServer(folder)
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):
                server.stop("immediate")
    finally:
        shutil.rmtree(folder)


class Line:
    """Forwards what is said to a server at `port` and what it answers, `delay` seconds later, until it is held or broken.

    `before` sees, and may change, what is about to be forwarded; it may take its time.
    """

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self.before: Callable[[bytes, bool], bytes] = lambda data, is_answer: data
        self._far = port
        self._open = threading.Event()
        self._open.set()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.free()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def hold(self) -> None:
        """Forward nothing, and say nothing."""
        self._open.clear()

    def free(self) -> None:
        """Forward again, what was said meanwhile first."""
        self._open.set()

    def cut(self) -> None:
        """Break all connections that there are."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._open.wait()
        with near:
            try:
                far = socket.create_connection(("127.0.0.1", self._far))
            except OSError:
                return
            with far:
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ends += [near, far]
                answering = threading.Thread(target=self._carry, args=(far, near, True), daemon=True)
                answering.start()
                self._carry(near, far, False)
                answering.join()

    def _carry(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                time.sleep(self.delay)
                data = self.before(data, is_answer)
                self._open.wait()
                sink.sendall(data)
        self._open.wait()
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
