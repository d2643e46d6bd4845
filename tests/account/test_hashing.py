"""Processes that hash passwords give way to others, end with the server, and are replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from walkwire.account import hashing
from walkwire.account.hashing import ATTEMPTS, NICE, HashingEnded, HashingProcesses


@pytest.fixture
async def processes() -> AsyncIterator[HashingProcesses]:
    made = HashingProcesses()
    yield made
    await made.close()


def ids(processes: HashingProcesses) -> list[int]:
    return sorted(process._transport.get_pid() for process in processes._processes)


def catches(process: int, number: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    return bool(int(status.split("SigCgt:")[1].split()[0], 16) & 1 << number - 1)


async def test_one_process_does_what_is_asked_in_turn(processes: HashingProcesses) -> None:
    kept = await processes.hash("sécret \n\0")
    assert kept.startswith("$argon2id$")
    assert await processes.verify("sécret \n\0", kept)
    assert not await processes.verify("secret", kept)
    assert not await processes.verify("secret", "no hash at all")
    assert not await processes.verify("secret", kept[:-10])
    assert not await processes.verify("secret", "$argon2id$v=19$m=8,t=1,p=1$?$?")
    assert len(ids(processes)) == 1


async def test_several_calls_at_once_have_a_process_each(processes: HashingProcesses) -> None:
    assert len(set(await asyncio.gather(*(processes.hash("secret") for _ in range(2))))) == 2
    assert len(ids(processes)) == 2


async def test_one_that_was_killed_is_replaced(processes: HashingProcesses) -> None:
    kept = await processes.hash("secret")
    (first,) = ids(processes)
    os.kill(first, signal.SIGKILL)
    assert await processes.verify("secret", kept)
    assert first not in ids(processes)


async def test_a_call_whose_processes_end_again_and_again_is_refused(
    processes: HashingProcesses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "ends.py"
    program.write_text("open('starts', 'a').write('.')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hashing, "__file__", str(program))
    with pytest.raises(HashingEnded):
        await processes.hash("secret")
    assert (tmp_path / "starts").read_text() == "." * ATTEMPTS


async def test_a_call_that_is_cancelled_leaves_no_answer_behind(processes: HashingProcesses) -> None:
    await processes.hash("secret")
    gone = asyncio.create_task(processes.hash("other"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    assert await processes.verify("secret", await processes.hash("secret"))


async def test_after_the_end_nothing_is_hashed_and_no_process_is_left() -> None:
    processes = HashingProcesses()
    await processes.hash("secret")
    (process,) = ids(processes)
    under_way = asyncio.create_task(processes.hash("secret"))
    await asyncio.sleep(0)
    await processes.close()
    with pytest.raises(HashingEnded):
        await under_way
    with pytest.raises(HashingEnded):
        await processes.hash("secret")
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_it_has_a_lower_priority_and_yields_at_alarms(processes: HashingProcesses) -> None:
    await processes.hash("secret")
    (process,) = ids(processes)
    assert os.getpriority(os.PRIO_PROCESS, process) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    assert catches(process, signal.SIGALRM)


def test_it_ends_with_its_input_and_not_by_ctrl_c() -> None:
    with subprocess.Popen([sys.executable, "-P", hashing.__file__], stdin=-1, stdout=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'["secret", null]\n')
        process.stdin.flush()
        assert process.stdout.readline().startswith(b'"$argon2id$')
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        assert process.wait(10) == 0
