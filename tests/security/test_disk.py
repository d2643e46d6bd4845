"""The disk fails under a server: it is full, or the database's file is removed or replaced. Nothing is acknowledged that is not
stored, callers get a sentence with 503, the log says it once, and the server is not ready until it is over.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import PATIENCE, Server

PROGRAM = """
from walkwire import Node, Root, Walker, on_entry, root


class Note(Node):
    number: int = 0
    text: str = ""


class put(Walker):
    number: int
    size: int = 10

    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def write(self, here: Root) -> None:
        here.connect(Note(self.number, "x" * self.size))
        self.report(self.number)


class numbers(Walker):
    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def read(self, here: Root) -> None:
        self.report(sorted(note.number for note in here.out(Note)))
"""
SENTENCE = "The database cannot be used at the moment. Please try again later!"
BEGUN, OVER = "what it has to store is refused with 503", "can be used again"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    place = tmp_path / "program.py"
    place.write_text(PROGRAM)
    return place


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=False, capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def put(server: Server, number: int, size: int = 10) -> bool:
    """Write a note. False if it was refused, which has to be by the sentence."""
    answer = await server.post("/walker/put", {"number": number, "size": size})
    if answer.status_code == 503:
        assert answer.json() == {"detail": {"error": SENTENCE}}
        assert answer.headers["Retry-After"]
        return False
    assert answer.status_code == 200, answer.text
    return True


async def is_ready(server: Server) -> bool:
    answer = await server.request("GET", "/healthz/ready")
    if answer.status_code == 503:
        assert "database" in answer.json()["reason"]
        assert str(server.log.parent) not in answer.text  # no path of the machine
    return answer.status_code == 200


async def until_ready(server: Server) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await is_ready(server):  # noqa: ASYNC110 - another process's state has no event
            await asyncio.sleep(0.05)


async def stored(server: Server) -> list[int]:
    found: Any = await server.walk("numbers")
    return list(found[0])


def said(server: Server) -> list[str]:
    """What the log says of the database: one line when it begins, and one when it is over."""
    log = server.log.read_text()
    assert "Traceback" not in log
    return [word for line in log.splitlines() for word in (BEGUN, OVER) if word in line]


async def fail_and_recover(server: Server, begin: Any, end: Any) -> set[int]:
    """Write, `begin` what makes writes fail, see them fail, `end` it, and write again. Returns what was acknowledged."""
    acknowledged = {number for number in range(10) if await put(server, number)}
    assert acknowledged == set(range(10))
    begin()
    number, refused = 10, set[int]()
    while len(refused) < 5 and number < 500:
        (acknowledged if await put(server, number, 100_000) else refused).add(number)
        number += 1
    assert len(refused) == 5
    assert not await is_ready(server)
    assert (await server.request("GET", "/healthz")).status_code == 200
    assert not refused & set(await stored(server))  # it still reads
    assert said(server) == [BEGUN]
    end()
    await until_ready(server)
    assert await put(server, 1000)
    assert said(server) == [BEGUN, OVER]
    return acknowledged | {1000}


async def test_a_full_disk_refuses_writes_until_there_is_space(
    program: Path, tmp_path: Path, small_disk: Path
) -> None:
    """A29: disk full gave 500 with tracebacks, and the server stayed ready."""
    database, ballast = f"sqlite:///{small_disk}/a.db", small_disk / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(65536))
                except OSError:
                    return

    with Server(program, tmp_path, database=database) as server:
        acknowledged = await fail_and_recover(server, fill, ballast.unlink)
        server.kill()
    with Server(program, tmp_path, database=database) as server:
        assert set(await stored(server)) == acknowledged


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
async def test_a_file_that_cannot_grow_refuses_writes_until_it_can(program: Path, tmp_path: Path) -> None:
    """A29, where no file system can be mounted: the kernel refuses what is beyond a file's largest size."""
    with Server(program, tmp_path) as server:
        process, none = server.process.pid, resource.RLIM_INFINITY

        def limit(size: int) -> None:
            resource.prlimit(process, resource.RLIMIT_FSIZE, (size, none))

        acknowledged = await fail_and_recover(server, lambda: limit(512 * 1024), lambda: limit(none))
        server.kill()
    with Server(program, tmp_path) as server:
        assert set(await stored(server)) == acknowledged


async def test_a_client_of_the_socket_gets_the_sentence_too(program: Path, tmp_path: Path) -> None:
    """A29, over the WebSocket."""
    with Server(program, tmp_path) as server:
        (tmp_path / "walkwire.db").rename(tmp_path / "elsewhere.db")
        async with server.connect() as socket:
            answer = await socket.ask(
                {"type": "walker", "walker": "put", "context": {"number": 1}, "id": 1, "response": True}
            )
        assert SENTENCE in str(answer)
        assert "busy" in str(answer)


@pytest.mark.long
@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_a_removed_file_refuses_writes_instead_of_losing_them(
    program: Path, tmp_path: Path, suffix: str
) -> None:
    """A29: writes after the file was removed were acknowledged, and gone after the restart. Put back, it is used again."""
    place, elsewhere = tmp_path / f"walkwire.db{suffix}", tmp_path / "elsewhere"
    with Server(program, tmp_path) as server:
        acknowledged = {number for number in range(5) if await put(server, number)}
        place.rename(elsewhere)
        together = await asyncio.gather(*(put(server, number) for number in range(5, 25)))
        assert not any(together)
        assert not await is_ready(server)
        assert said(server) == [BEGUN]
        elsewhere.rename(place)
        await until_ready(server)
        acknowledged |= {number for number in (100, 101) if await put(server, number)}
        assert said(server) == [BEGUN, OVER]
        server.kill()
    with Server(program, tmp_path) as server:
        assert set(await stored(server)) == acknowledged == {0, 1, 2, 3, 4, 100, 101}


@pytest.mark.long
async def test_a_replaced_file_refuses_writes_until_a_restart(program: Path, tmp_path: Path) -> None:
    """A29: another file in its place, as a restored backup is, and one in which new connections would have read."""
    place, backup = tmp_path / "walkwire.db", tmp_path / "backup.db"
    with Server(program, tmp_path) as server:
        assert await put(server, 1)
    shutil.copy(place, backup)
    with Server(program, tmp_path) as server:
        assert await put(server, 2)
        backup.replace(place)
        written = await asyncio.gather(*(put(server, number) for number in range(10, 30)))
        assert not any(written)
        read = await asyncio.gather(*(server.post("/walker/numbers") for _ in range(20)))
        assert {answer.status_code for answer in read} <= {200, 503}
        assert {str(answer.json()["reports"]) for answer in read if answer.is_success} <= {"[[1, 2]]"}
        assert not await is_ready(server)
        server.signal(signal.SIGKILL)
        server.wait()
    for more in ("-wal", "-shm"):  # as the docs say: they belong to the file that was replaced
        (tmp_path / f"walkwire.db{more}").unlink(missing_ok=True)
    with Server(program, tmp_path) as server:
        assert await stored(server) == [1]
        assert await is_ready(server)
