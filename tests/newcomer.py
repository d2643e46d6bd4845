"""A newcomer who follows a page from a fresh clone: saves its files and types its commands, in shells in which nothing is set.

What a page prints, by its fences:

- `python`, `jac` and others whose first line names a file (`# main.py`, `<!-- index.html -->`): is saved, in the folder of the
  first terminal
- `sh`: is typed, command by command. Each has to succeed. `title="second terminal"` is typed in a terminal of this name; a new
  one begins in the home folder. A command that serves keeps running, and its terminal is taken until the page says "Ctrl-C"
  before the next fence for it
- `text` after one of them: what was printed; `…` stands for anything. It is awaited
- `js` without a file's name: is pasted into the console of a browser (here Node with npm's `ws`), which stays open
- `title="not run"`: is left alone

The ports and services of a test are others than those of a page. `places` says what stands for what.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tests.serving import REPOSITORY

PATIENCE = 180.0  # seconds for what takes one or two: the machine may have much to do
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NODE = REPOSITORY / "tests" / "journeys" / "node"
FIRST = "terminal"
_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|//|<!--) ([\w./-]+\.\w+)(?: -->)?$")
# A shell in which Ctrl-C works, whatever the tests were started by.
_SHELL = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv("/bin/bash", ["bash", "--noprofile", "--norc"])
"""
_SERVES = re.compile(r"walkwire (?:serve|dev|listen)\b|nginx -p |python listen\.py")


class Step(NamedTuple):
    """A fence of a page: what is said before it, its language, its title, its text and its line."""

    before: str
    language: str
    title: str
    text: str
    line: int


def steps(page: Path) -> Iterator[Step]:
    """The fences of a page."""
    text = page.read_text()
    end = 0
    for match in _FENCE.finditer(text):
        title = re.search(r'title="([^"]+)"', match[2])
        line = text.count("\n", 0, match.start()) + 1
        yield Step(text[end : match.start()], match[1], title[1] if title else "", match[3], line)
        end = match.end()


class Terminal:
    """A shell. `printed` is where what its last command prints arrives."""

    def __init__(self, folder: Path, home: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.shell = subprocess.Popen(
            [sys.executable, "-c", _SHELL],
            cwd=home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = folder / "0"
        self.serving: int | None = None
        self._count = 0
        self._type("set -m")

    def run(self, command: str) -> None:
        """Type a command, and wait until it has ended; AssertionError with what it printed if it failed."""
        assert self.serving is None, f"{command!r} was typed into a terminal in which a server runs"
        self._next()
        code = self._type(f"{{ {command}\n}} >{shlex.quote(str(self.printed))} 2>&1 </dev/null; echo $?")
        assert code == "0", f"{command}\n{self.printed.read_text()}"

    def set(self, command: str) -> None:
        """Type a command that changes the shell itself, such as `cd`."""
        self._next()
        self.printed.touch()
        assert self._type(f"{command}\necho $?") == "0", command

    def serve(self, command: str) -> None:
        """Type a command that runs until it is stopped."""
        assert self.serving is None, f"{command!r} was typed into a terminal in which a server runs"
        self._next()
        self.serving = int(self._type(f"{command} >{shlex.quote(str(self.printed))} 2>&1 & echo $!"))

    def stop(self) -> None:
        """Press Ctrl-C, and wait until the server has ended."""
        if self.serving is not None:
            self._signal(signal.SIGINT)
            late = threading.Timer(PATIENCE, self._signal, [signal.SIGKILL])
            late.start()
            self._type(f"wait {self.serving}")
            late.cancel()
            self.serving = None

    def where(self) -> Path:
        """Its current folder."""
        return Path(self._type("pwd"))

    def close(self) -> None:
        self.stop()
        self.shell.kill()
        self.shell.wait()
        for pipe in (self.shell.stdin, self.shell.stdout):
            assert pipe
            pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.serving or self.shell.pid, number)

    def _next(self) -> None:
        self._count += 1
        self.printed = self.folder / str(self._count)

    def _type(self, line: str) -> str:
        """Type a line, and return what the shell itself printed last."""
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.write(f"{line}\necho :done:\n")
        self.shell.stdin.flush()
        said = ""
        while (heard := self.shell.stdout.readline()) and heard != ":done:\n":
            if not heard.startswith("["):  # what the shell says of its jobs
                said = heard.strip()
        return said


class Newcomer:
    """`with Newcomer(folder, places) as newcomer: newcomer.follow(page)`.

    - folder: an empty one, for the clone, the home and what was printed
    - places: what is typed in place of something on the page, by regular expressions
    - environment: what is set in the shells, beside PATH and HOME
    - is_alone: `make setup` makes an environment of its own; else it finds that of the tests
    """

    def __init__(
        self,
        folder: Path,
        places: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
        *,
        is_alone: bool = False,
    ) -> None:
        self.folder, self.places, self.is_alone = folder, places, is_alone
        self.home = folder / "home"
        self.clone = self.home / "walkwire"
        self.environment = {"PATH": PATH, "HOME": str(self.home)} | dict(environment or {})
        self.terminals: dict[str, Terminal] = {}
        self.browser: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Newcomer:
        self.home.mkdir()
        command = ["git", "clone", "--quiet", "--shared", str(REPOSITORY), str(self.clone)]
        subprocess.run(command, check=True, capture_output=True)
        if not self.is_alone:
            self._share()
        return self

    def _share(self) -> None:
        """Give the clone this environment: its own `.venv`, of which everything is this one's. `make setup` has nothing to do."""
        made = self.clone / ".venv"
        made.mkdir()
        for each in Path(sys.prefix).iterdir():
            if not each.name.startswith("."):
                (made / each.name).symlink_to(each)
        for stamp in (".serves", ".made"):
            (made / stamp).touch()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.browser:
            self.browser.kill()
            self.browser.wait()
        for terminal in self.terminals.values():
            terminal.close()

    def follow(self, page: Path, *, without: str = "") -> None:
        """Do what a page says, from its top to its end. `without` is a file that is not saved."""
        last = FIRST
        for step in steps(page):
            try:
                if step.title == "not run":
                    continue
                if "Ctrl-C" in step.before and "text" not in step.language:
                    self._terminal(step.title or FIRST).stop()
                if step.language == "sh":
                    last = step.title or FIRST
                    self._type(self._terminal(last), self._here(step.text))
                elif step.language == "text":
                    self._await(step, self._printed(step.title or last))
                elif step.language == "js" and not _FILE.match(step.text.partition("\n")[0]):
                    self._paste(self._here(step.text))
                elif (name := _FILE.match(step.text.partition("\n")[0])) and name[1] != without:
                    target = self._terminal(FIRST).where() / name[1]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(self._here(step.text))
            except AssertionError as error:
                raise AssertionError(f"{page.name}, line {step.line}: {error}") from None

    def _terminal(self, name: str) -> Terminal:
        if name not in self.terminals:
            folder = self.folder / name
            folder.mkdir()
            self.terminals[name] = Terminal(folder, self.home, self.environment)
        return self.terminals[name]

    def _here(self, text: str) -> str:
        for printed, real in self.places.items():
            text = re.sub(printed, real, text)
        return text

    def _type(self, terminal: Terminal, text: str) -> None:
        for command in text.replace("\\\n", "").splitlines():
            if not command.strip() or command.startswith("#"):
                continue
            if _SERVES.search(command):
                terminal.serve(command)
            elif re.match(r"(?:cd|export|source) |[A-Z_]+=|\w+\(\)", command):
                terminal.set(command)
            else:
                terminal.run(command)

    def _printed(self, where: str) -> Path:
        return self.folder / "console" if where not in self.terminals else self.terminals[where].printed

    def _await(self, step: Step, printed: Path) -> None:
        if step.title and step.title not in self.terminals and self.browser is None:
            return  # no browser
        lines = [re.escape(line).replace("…", ".*") for line in self._here(step.text).splitlines()]
        end = time.monotonic() + PATIENCE
        while True:
            said = printed.read_text() if printed.exists() else ""
            wanted = [line for line in lines if not re.search(rf"^\s*{line.strip()}\s*$", said, re.MULTILINE)]
            if not wanted:
                return
            assert time.monotonic() < end, f"not printed: {wanted[0]}\nbut: {said}"
            time.sleep(0.02)

    def _paste(self, script: str) -> None:
        """Run a script as the console of a browser would."""
        if not (NODE / "node_modules" / "ws").is_dir():
            assert not os.environ.get("CI"), "`make node` was not run"
            return
        with (self.folder / "console").open("wb") as console:
            self.browser = subprocess.Popen(
                ["node", "-e", f"globalThis.WebSocket = require('ws').WebSocket;\n{script}"],
                cwd=NODE,
                stdout=console,
                stderr=console,
            )
        end = time.monotonic() + PATIENCE
        while "connection" not in (said := (self.folder / "console").read_text()):
            assert time.monotonic() < end, f"the console shows no connection: {said}"
            time.sleep(0.02)
