"""A real server process, started by the command line as a user would, on a free port and in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = (sys.executable, "-c", "from walkwire.cli import main; main()")


class Serving:
    """The process. `url` is where it serves, `lines` what its banner said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.url = self.socket_url = ""
        while "May join channels" not in (line := self.read_line()):
            if found := re.match(r"WebSocket: (ws://(.*)/websocket)", line):
                self.socket_url, self.url = found[1], f"http://{found[2]}"

    def read_line(self) -> str:
        """The next line of its output; waits for it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the server ended with {self.process.wait()}: {self.errors()}"
        self.lines.append(line.rstrip("\n"))
        return line

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float = 20) -> int:
        """Its exit code; waits for the end."""
        return self.process.wait(seconds)

    def errors(self) -> str:
        """What it wrote to stderr, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextmanager
def serving(program: Path, *arguments: str, folder: Path, **environment: str) -> Iterator[Serving]:
    """Serve a program inside the block. Ended by a signal that nobody can miss, if the block has not ended it."""
    process = _start("serve", str(program), "--port", "0", *arguments, folder=folder, environment=environment)
    try:
        yield Serving(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def run(*arguments: str, folder: Path, **environment: str) -> tuple[int, str, str]:
    """Run a command to its end: exit code, stdout, stderr."""
    process = _start(*arguments, folder=folder, environment=environment)
    out, errors = process.communicate(timeout=20)
    return process.returncode, out, errors


def _start(*arguments: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WALKWIRE_", "TOKEN_"))}
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
