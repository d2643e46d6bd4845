"""`walkwire dev`: a program is served again after each save, sockets come back, and the terminal says what happens."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from walkwire.errors import Internal, Limited
from walkwire.server.dev.frames import ProgramTraces, sentence_of, trace_of_program
from walkwire.server.dev.held import ThreadWatch
from walkwire.server.dev.lines import line_of_walk
from walkwire.server.dev.supervisor import Supervisor
from walkwire.server.dev.watch import SourceWatch
from walkwire.walk.unit.record import ToldRecord, WalkRecord, Written

PROGRAM = """
from walkwire import Node, Root, Walker, on_entry, socket, specs

VERSION = 1


class Note(Node):
    text: str


@specs(methods=["post", "websocket"], auth=False)
class write(Walker):
    text: str

    @on_entry
    def go(self, here: Root) -> None:
        here.connect(Note(self.text))
        socket.notify_channels(["room"], self.text)
        self.report({"version": VERSION, "notes": len(here.out(Note))})


@specs(methods=["post", "websocket"], auth=False)
class fail(Walker):
    @on_entry
    def go(self, here: Root) -> None:
        of_mine = 7
        self.inner(of_mine)

    def inner(self, number: int) -> None:
        raise KeyError(number)
"""
FAILS = PROGRAM[: PROGRAM.index("raise KeyError")].count("\n") + 1  # the line


class Dev:
    """`walkwire dev` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "main.py"
        self.file.write_text(PROGRAM)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WALKWIRE_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "walkwire", "dev", "main.py", "--port", "0", "--locals"],
            cwd=folder,
            env=kept,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said: list[str] = []
        self.port = int(self.until(r"WebSocket: ws://127\.0\.0\.1:(\d+)/")[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def until(self, pattern: str) -> re.Match[str]:
        """Read what it says until a line has this pattern."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"It never said {pattern!r}: {''.join(self.said)}")

    def save(self, before: str, after: str) -> None:
        """Change the program."""
        self.file.write_text(self.file.read_text().replace(before, after))

    async def post(self, walker: str, **fields: Any) -> Any:
        """Return the body of an answer. While the program is replaced, the request waits."""
        async with httpx.AsyncClient(timeout=60) as http:
            return (await http.post(f"{self.url}/walker/{walker}", json=fields)).json()

    def stop(self) -> int:
        """End it as Ctrl-C does. Returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        self.said += self.process.communicate(timeout=60)[0].splitlines(keepends=True)
        return self.process.returncode


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    served = Dev(tmp_path)
    yield served
    if served.process.poll() is None:
        served.stop()


async def _closed(socket: ClientConnection) -> int | None:
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


async def _connect_2(dev: Dev, **event: Any) -> tuple[ClientConnection, dict[str, Any]]:
    url = f"ws://127.0.0.1:{dev.port}/websocket"
    socket = await connect(url, subprotocols=["walkwire.v2"])  # type: ignore[list-item]
    await socket.send(json.dumps({"type": "connect", "id": 1} | event))
    return socket, json.loads(await socket.recv())["data"]


async def test_a_save_is_served_while_sockets_and_data_stay(dev: Dev) -> None:
    old = await connect(f"ws://127.0.0.1:{dev.port}/websocket")
    stream, who = await _connect_2(dev, channels=[{"channel_id": "room"}])
    assert (await dev.post("write", text="one"))["reports"] == [{"version": 1, "notes": 1}]
    heard = json.loads(await stream.recv())
    assert heard["data"] == "one"

    dev.save("VERSION = 1", "VERSION = 2")
    assert await _closed(old) == 4200  # the code at which clients of version 1 come back
    assert await _closed(stream) == 4200
    assert (await dev.post("write", text="two"))["reports"] == [{"version": 2, "notes": 2}]
    at = [{"channel_id": "room", "at": heard["at"]}]
    stream, again = await _connect_2(dev, session=who["session"], channels=at)
    assert again["streams"]["channels"]["room"]["recovered"] is True
    assert json.loads(await stream.recv())["data"] == "two"
    await stream.close()

    dev.save("VERSION = 2", "VERSION = = 3")
    await asyncio.to_thread(dev.until, "main.py was saved with an error: the version before goes on")
    assert any("main.py:4:" in line and "SyntaxError" in line for line in dev.said)
    dev.save("VERSION = = 3", "VERSION = 1 / 0")
    await asyncio.to_thread(dev.until, "main.py was saved with an error: the version before goes on")
    assert any("main.py:4: ZeroDivisionError" in line for line in dev.said)
    assert (await dev.post("write", text="three"))["reports"] == [{"version": 2, "notes": 3}]

    assert await asyncio.to_thread(dev.stop) == 0
    lines = "".join(dev.said)
    assert re.search(r"Served again after \d+ ms", lines)
    assert re.search(r"walk write  200  [\d.]+ ms  \d+ statements?  wrote 2  told channels room\n", lines)
    assert re.search(r"POST /walker/write  200  [\d.]+ ms\n", lines)


async def test_a_fault_is_shown_with_the_programs_frames_and_to_the_client(dev: Dev) -> None:
    body = await dev.post("fail")
    assert body["development"] == f"main.py:{FAILS}: KeyError: 7"
    async with connect(f"ws://127.0.0.1:{dev.port}/websocket") as socket:
        await socket.recv()
        await socket.send('{"type":"walker","walker":"fail","context":{}}')
        assert json.loads(await socket.recv())["development"] == f"main.py:{FAILS}: KeyError: 7"
        await socket.send('{"type":"walker","walker":"fail","context":{},"id":1}')
        assert json.loads(await socket.recv())["error"]["development"] == f"main.py:{FAILS}: KeyError: 7"
    assert await asyncio.to_thread(dev.stop) == 0
    lines = "".join(dev.said)
    trace = lines[lines.index("Traceback") :].partition("KeyError: 7\n")[0].splitlines()
    assert [line.strip() for line in trace if line.startswith("  File ")] == [
        f'File "main.py", line {FAILS - 3}, in go',
        f'File "main.py", line {FAILS}, in inner',
    ]
    assert "    of_mine = 7" in trace  # the variables of a frame


async def test_no_other_server_shows_a_fault() -> None:
    assert Internal.describe is None
    assert Internal(KeyError(7)).shown is None


# The files


def test_a_watch_finds_what_was_saved_made_and_removed(tmp_path: Path) -> None:
    for name in ("main.py", "gone.jac", ".hidden/a.py", "node_modules/b.py", "notes.txt", "deep/er/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    watch = SourceWatch(tmp_path)
    assert watch.changed() == []
    for name in (".hidden/a.py", "node_modules/b.py", "notes.txt", "main.py", "deep/er/c.py", "new.py"):
        (tmp_path / name).write_text("22")
    (tmp_path / "gone.jac").unlink()
    names = [str(file.relative_to(tmp_path)) for file in watch.changed()]
    assert names == ["deep/er/c.py", "gone.jac", "main.py", "new.py"]
    assert watch.changed() == []


# Frames


def _raised(file: Path, text: str) -> BaseException:
    file.write_text(text)
    names: dict[str, Any] = {}
    exec(compile(text, str(file), "exec"), names)
    with pytest.raises(ValueError, match=r"Expecting|password") as raised:
        names["go"]()
    trace = raised.value.__traceback__
    return raised.value.with_traceback(None if trace is None else trace.tb_next)  # without this function


def test_a_trace_has_the_programs_frames_only(tmp_path: Path) -> None:
    text = "import json\ndef go():\n    mine = 3\n    json.loads('{')\n"
    error = _raised(tmp_path / "a.py", text)
    assert sentence_of(error).startswith(f"{tmp_path}/a.py:4: json.decoder.JSONDecodeError: ")
    trace = trace_of_program(error)
    assert [line for line in trace.splitlines() if line.startswith("  File ")] == [
        f'  File "{tmp_path}/a.py", line 4, in go'
    ]
    assert "    mine = 3" not in trace
    assert "    mine = 3" in trace_of_program(error, with_locals=True)


def test_the_log_masks_secrets_in_a_trace_and_keeps_other_records(tmp_path: Path) -> None:
    error = _raised(tmp_path / "a.py", "def go():\n    raise ValueError('password=hush12345')\n")
    record = logging.makeLogRecord({"exc_info": (type(error), error, error.__traceback__)})
    assert ProgramTraces(with_locals=False).filter(record)
    assert record.exc_text is not None
    assert "hush12345" not in record.exc_text
    plain = logging.makeLogRecord({"msg": "a"})
    assert ProgramTraces(with_locals=False).filter(plain)
    assert plain.exc_text is None


# Lines


def test_the_line_of_a_walk_says_what_it_did() -> None:
    record = WalkRecord("vote", "r", node="n:Poll:1")
    record.attempts, record.statements = 3, 1
    record.written = [Written("made", "n:Vote:1", None, "{}")]
    record.told = [ToldRecord("channels", ("a", "b", "c", "d"), "1", 1, 0)] * 2
    record.end(200, 5, None)
    record.seconds = 0.0123
    assert line_of_walk(record) == (
        "walk vote at n:Poll:1  200  12.3 ms  1 statement  2 re-runs  wrote 1  told channels a, b, c and 1 more"
    )
    record.end(0, 0, Limited("Too many"))
    record.seconds = 0.001
    assert line_of_walk(record) == "walk vote at n:Poll:1  limited  1.0 ms  1 statement  2 re-runs"
    record.end(0, 0, KeyError())
    assert "  KeyError  " in line_of_walk(record)


# What holds others


class _Runtime:
    """The threads of a runtime, as `ThreadWatch` sees them."""

    def __init__(self, busy: dict[int, int], count: int, waiting: int) -> None:
        self.threads = SimpleNamespace(at_work=lambda: (busy, count, waiting))
        self.programs = SimpleNamespace(running=None)


@pytest.fixture
def held_at(tmp_path: Path) -> Iterator[Callable[[], int]]:
    """Returns the ident of a thread that stands in line 3 of a program."""
    text = "def go(begun, end):\n    begun.set()\n    end.wait()\n"
    (tmp_path / "slow.py").write_text(text)
    names: dict[str, Any] = {}
    exec(compile(text, str(tmp_path / "slow.py"), "exec"), names)
    begun, end = threading.Event(), threading.Event()
    thread = threading.Thread(target=names["go"], args=(begun, end), daemon=True)

    def start() -> int:
        thread.start()
        begun.wait(30)
        assert thread.ident is not None
        return thread.ident

    yield start
    end.set()
    thread.join()


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_walk_that_holds_its_thread_is_one_warning(
    held_at: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    held = ThreadWatch(_Runtime({held_at(): 4}, 16, 0))  # type: ignore[arg-type]
    for now in (10.0, 10.9):
        held.look(now)
    assert _warnings(caplog) == []
    for now in (11.1, 12.0, 13.0):
        held.look(now)
    (said,) = _warnings(caplog)
    assert re.search(r"slow\.py:[23] in go holds a thread for more than 1 s\.", said)


def test_a_pool_without_a_free_thread_is_one_warning(
    held_at: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    held = ThreadWatch(_Runtime({held_at(): 4}, 1, 3), long=5)  # type: ignore[arg-type]
    for now in (10.0, 14.0, 15.5, 17.0):
        held.look(now)
    said = [one for one in _warnings(caplog) if "No thread is free" in one]
    assert len(said) == 1
    assert re.search(r"all 1 are at .*slow\.py:[23] in go \(1\), and 3 walks wait", said[0])


def test_an_async_ability_that_blocks_the_loop_is_one_warning(
    held_at: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    runtime = _Runtime({}, 16, 0)
    asked: list[Callable[[], None]] = []
    runtime.programs.running = SimpleNamespace(call_soon_threadsafe=asked.append), held_at()
    held = ThreadWatch(runtime)  # type: ignore[arg-type]
    for now in (1.0, 1.1, 1.3, 1.6, 2.0):
        held.look(now)
    (said,) = _warnings(caplog)
    assert re.search(r"slow\.py:[23] in go blocks the event loop of all async abilities", said)
    asked.pop()()
    held.look(3.0)
    assert len(asked) == 1


# A server that ends by itself


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # the process of the tests has threads
def test_a_server_that_ends_is_started_again_by_the_next_save(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "main.py").write_text("1")
    started = tmp_path / "started"

    def serve(listeners: object, began: float | None) -> int:
        started.write_text(started.read_text() + "x" if started.exists() else "x")
        return 2

    supervisor = Supervisor(tmp_path, [], serve, lambda: 0, lambda file: [])
    caplog.set_level(logging.INFO)
    supervisor._begin(None)
    while supervisor._child is not None:
        supervisor._reap()
    assert "The server has ended. The next save starts it again" in caplog.text
    (tmp_path / "main.py").write_text("22")
    supervisor._reload(supervisor._watch.changed())
    while supervisor._child is not None:
        supervisor._reap()
    assert started.read_text() == "xx"
