"""Several worker processes behind one port: they hear each other, one that dies is replaced, and they stop as one server does."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from tests.brokers.service import service
from tests.cluster.cluster import PROGRAM, Ear, new_database, until
from tests.serving import EarnestServer, Server, client, signal_until_the_end

WORKERS = 3
WAITS_AT_A_GATE = """
import time
from pathlib import Path
while Path("{gate}").exists():
    time.sleep(0.01)
"""


@contextmanager
def workers(kind: type[Server], folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    with new_database() as database, service("redis", folder) as broker:
        settings = {"broker": broker.url, "workers": str(WORKERS), "token_secret": "s" * 32} | settings
        with kind(PROGRAM, folder, database=database, **settings) as started:
            yield started


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """With the settings that a test gives as its parameter."""
    with workers(Server, tmp_path, getattr(request, "param", {})) as started:
        yield started


@pytest.fixture(scope="module")
def earnest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its workers begin as an operator's do."""
    with workers(EarnestServer, tmp_path_factory.mktemp("earnest"), {}) as started:
        yield started


def assert_gone(processes: list[int]) -> None:
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def workers_of(server: Server) -> list[int]:
    """Their process ids."""
    found = subprocess.run(
        ["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in found.stdout.split()]


async def test_they_share_the_port_and_hear_each_other(earnest: Server) -> None:
    sockets = [await earnest.connect(None, "lobby").__aenter__() for _ in range(24)]
    servers = {socket.client_id.partition(":")[2][:8] for socket in sockets}
    assert len(servers) > 1, "the system shares connections out"
    await sockets[0].say({"type": "channel", "channel_ids": ["lobby"], "data": {"n": 1}})
    for socket in sockets:
        assert await socket.hear() == {"n": 1}
        await socket.__aexit__(None, None, None)


async def test_one_that_dies_is_replaced_and_the_others_serve_on(earnest: Server) -> None:
    sockets = [await earnest.connect(None, "lobby").__aenter__() for _ in range(24)]
    ears = [Ear(socket) for socket in sockets]
    before = workers_of(earnest)
    assert len(before) == WORKERS
    os.kill(before[0], signal.SIGKILL)
    await until(lambda: len(workers_of(earnest)) == WORKERS and before[0] not in workers_of(earnest))
    cut = [ear for ear in ears if ear.code is not None]
    assert len(cut) < len(ears)
    async with client(base_url=earnest.url) as http:
        for number in range(50):
            body = {"channel_id": "lobby", "number": number}
            assert (await http.post("/walker/write", json=body)).status_code == 200
    left = [ear for ear in ears if ear.code is None]
    await until(lambda: all(ear.heard == list(range(50)) for ear in left))
    for ear, socket in zip(ears, sockets, strict=True):
        await ear.stop()
        await socket.__aexit__(None, None, None)
    log = earnest.log.read_text()
    (number,) = re.findall(r"Worker (\d) \(process \d+\) was ended by SIGKILL and is replaced", log)
    ready = rf"worker {number} WARNING walkwire\.server\.process\.process: Worker {number} is ready"
    await until(lambda: re.search(ready, earnest.log.read_text()) is not None)


async def test_who_waits_for_a_worker_that_dies_is_served_by_another(server: Server) -> None:
    stopped = workers_of(server)[0]
    os.kill(stopped, signal.SIGSTOP)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client(base_url=server.url)) for _ in range(24)]
        asking = [asyncio.create_task(http.get("/healthz/ready")) for http in clients]
        _, waiting = await asyncio.wait(asking, timeout=1)
        assert waiting
        os.kill(stopped, signal.SIGKILL)
        assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}


async def test_newcomers_do_not_wait_for_the_successor_of_a_worker_that_died(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    slow = tmp_path / "slow.py"
    slow.write_text(WAITS_AT_A_GATE.format(gate=gate))
    with new_database() as database, service("redis", tmp_path) as broker:
        settings = {"broker": broker.url, "workers": str(WORKERS), "token_secret": "s" * 32}
        with Server(slow, tmp_path, database=database, **settings) as server:
            gate.touch()
            before = workers_of(server)
            os.kill(before[0], signal.SIGKILL)
            async with AsyncExitStack() as stack:
                for _ in range(60):  # each is shared out anew; that its successor is not ready, is sure
                    http = await stack.enter_async_context(client())
                    assert (await http.get(f"{server.url}/healthz")).status_code == 200
            assert len(workers_of(server)) == WORKERS
            gate.unlink()
            ready = "Worker 1 is ready"
            await until(lambda: ready in server.log.read_text())
            os.kill(before[1], signal.SIGKILL)
            os.kill(before[2], signal.SIGKILL)
            async with client(base_url=server.url) as http:
                assert (await http.get("/healthz")).status_code == 200, "the successor takes its share"
            await until(lambda: server.log.read_text().count("and is replaced") == WORKERS)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
async def test_they_stop_in_peace_while_one_is_still_starting(number: signal.Signals, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    slow = tmp_path / "slow.py"
    slow.write_text(WAITS_AT_A_GATE.format(gate=gate))
    with new_database() as database, service("redis", tmp_path) as broker:
        settings = {"broker": broker.url, "workers": "2", "token_secret": "s" * 32}
        with Server(slow, tmp_path, database=database, **settings) as server:
            gate.touch()
            before = workers_of(server)
            os.kill(before[0], signal.SIGKILL)
            await until(lambda: len(workers_of(server)) == 2 and before[0] not in workers_of(server))
            server.signal(number)
            assert await asyncio.to_thread(server.wait) == 0, server.log.read_text()
            assert "A fault" not in server.log.read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 4200), (signal.SIGINT, 1001)])
async def test_they_stop_with_a_goodbye_and_none_is_left(
    number: signal.Signals, code: int, server: Server
) -> None:
    sockets = [await server.connect().__aenter__() for _ in range(12)]
    ears = [Ear(socket) for socket in sockets]
    processes = workers_of(server)
    server.signal(number)
    assert await asyncio.to_thread(server.wait) == 0
    await until(lambda: all(ear.code == code for ear in ears))
    assert_gone(processes)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
async def test_they_end_with_zero_however_many_signals_come(number: signal.Signals, server: Server) -> None:
    sockets = [await server.connect().__aenter__() for _ in range(12)]
    ears = [Ear(socket) for socket in sockets]
    processes = workers_of(server)
    await asyncio.to_thread(signal_until_the_end, server, number)
    assert server.wait() == 0, server.log.read_text()
    await until(lambda: all(ear.code is not None for ear in ears))
    assert "A fault" not in server.log.read_text()
    assert_gone(processes)


@pytest.mark.parametrize("server", [{"drain_seconds": "60"}], indirect=True)
async def test_a_drain_is_that_of_all_of_them_and_a_second_signal_ends_it(server: Server) -> None:
    sockets = [await server.connect().__aenter__() for _ in range(12)]
    ears = [Ear(socket) for socket in sockets]
    processes = workers_of(server)
    server.signal(signal.SIGTERM)
    async with client(base_url=server.url) as http:
        for _ in range(12):
            while (await http.get("/healthz/ready", headers={"Connection": "close"})).status_code == 200:
                pass
    assert workers_of(server) == processes
    server.signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.wait) == 0, "long before the drain would have ended"
    await until(lambda: all(ear.code is not None for ear in ears))
    assert_gone(processes)


async def test_workers_end_with_a_parent_that_was_killed(server: Server) -> None:
    processes = workers_of(server)
    server.kill()
    for process in processes:
        await until(lambda process=process: not Path(f"/proc/{process}").exists())


def test_a_program_that_cannot_be_loaded_ends_all_of_them(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_this_name\n")
    settings = {"broker": "redis://127.0.0.1:1", "workers": "2", "token_secret": "s" * 32}
    with new_database() as database, pytest.raises(AssertionError, match="nothing_of_this_name"):
        Server(broken, tmp_path, database=database, **settings)
