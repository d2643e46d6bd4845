"""Process: a server on a free port of 127.0.0.1, pinned to a core, that ends with whoever started it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 5.0

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, prctl(2)
_libc = ctypes.CDLL(None)


class NotStarted(Exception):
    """A server ended, or did not listen in time. Holds the end of what it printed."""


@dataclass(frozen=True)
class Running:
    """A server that listens. `start` is the seconds from its start until a connection was taken."""

    pid: int
    port: int
    folder: Path
    start: float


@contextmanager
def running(
    command: Sequence[str],
    core: int,
    prepare: Callable[[Path], object] = lambda folder: None,
    root: Path = ROOT,
) -> Iterator[Running]:
    """Start `command`, in which `{port}` and `{folder}` are filled in; wait until it listens; end it. Raises NotStarted.

    It runs in a folder of its own, which `prepare` may put something into, and which is removed in the end. Its modules are those
    of the checkout `root`.
    """
    with tempfile.TemporaryDirectory(prefix="walkwire-bench-") as name:
        port = _free_port()
        filled = [part.format(port=port, folder=name) for part in command]
        prepare(Path(name))
        log = Path(name) / "bench.log"
        with log.open("wb") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                filled,
                cwd=name,
                env=environment(root),
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_own(core),  # noqa: PLW1509  # two calls of the kernel, no lock
            )
        try:
            _await_port(process, port, log)
            yield Running(process.pid, port, Path(name), time.perf_counter() - began)
        finally:
            _end(process)


def environment(root: Path = ROOT) -> dict[str, str]:
    """What a server or a load client finds in its environment: nothing that would set walkwire up otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WALKWIRE_")}
    return kept | {"PYTHONPATH": str(root)}


def run(command: Sequence[str], seconds: float, said: str = "") -> str:
    """Run a program that ends by itself on `said`, and give what it printed. Raises RuntimeError with what it complained of."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        input=said,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        preexec_fn=_own(None),
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"{command[0]} exited with {done.returncode}")
    return done.stdout


def python(module: str, *arguments: str) -> list[str]:
    """The command line of one of our own modules."""
    return [sys.executable, "-m", module, *arguments]


def _own(core: int | None) -> Callable[[], None]:
    def prepare() -> None:
        _libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if core is not None:
            os.sched_setaffinity(0, {core})

    return prepare


def _free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.perf_counter() + START_SECONDS
    while time.perf_counter() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.002)
    raise NotStarted(log.read_text(errors="replace")[-500:])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
