"""Window: a stretch of time, and what the server and everybody else on the machine did in it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, all of its threads, the ended ones too, in seconds, to the nanosecond.

    `/proc/PID/stat` says the same in steps of 10 ms; this is the clock of clock_getcpuclockid(3).
    """
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid: int) -> int:
    """Bytes that a process holds for itself: what it mapped from files is not counted."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Anonymous":
            return int(value.split()[0]) * 1024
    raise RuntimeError("The kernel does not tell a process's anonymous memory")


def named(part: str) -> list[int]:
    """The processes in whose command line this stands; PostgreSQL's backends show their user and database there."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                if part in (folder / "cmdline").read_text(errors="replace"):
                    found.append(int(folder.name))
    return found


class Window:
    """Opened when made, closed once. `figures` holds what every measurement says: seconds of wall clock and CPU.

    `beside` names further processes (`named`), whose CPU time is told apart.
    """

    def __init__(self, pid: int, beside: str = "") -> None:
        self._pid = pid
        self._beside = [one for one in named(beside) if one not in (pid, os.getpid())] if beside else []
        self._before = self._now()

    def close(self, count: int) -> dict[str, float]:
        """What happened: `count` things, as told, in how many seconds, at whose expense."""
        wall, server, client, machine, beside = (
            now - then for now, then in zip(self._now(), self._before, strict=True)
        )
        cores = os.cpu_count() or 1
        return {
            "count": count,
            "wall": wall,
            "cpu": server,
            "beside": beside,
            "client": client / wall,
            "others": min(1.0, max(0.0, (machine - server - client - beside) / (wall * cores))),
        }

    def _now(self) -> tuple[float, float, float, float, float]:
        beside = sum(map(cpu_seconds, self._beside))
        return time.perf_counter(), cpu_seconds(self._pid), time.process_time(), machine_seconds(), beside


def machine_seconds() -> float:
    """CPU time that the whole machine has spent on anything but idling."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS
