"""Calm: what costs even when nothing happens: a start, and connections that say nothing."""

from __future__ import annotations

import time

from bench.load.window import cpu_seconds
from bench.peer import FASTAPI_POST, SOCKET_PEERS, WALKWIRE, Peer
from bench.stage import Bars, Figures, Scenario, Stage, Subject, ask_once

SOCKETS = 5000
IDLE_SECONDS = 26.0  # one silence of walkwire's (25 s) and its pings, in a full run


def start() -> Scenario:
    """Seconds."""
    return Scenario(
        "start",
        "From the start of the process to its first answer: seconds, and seconds of CPU",
        (
            Subject("walkwire", lambda stage: _start(stage, WALKWIRE, "/healthz")),
            Subject("FastAPI", lambda stage: _start(stage, FASTAPI_POST, "/openapi.json")),
        ),
        "walkwire makes its database and its secret in this time.",
    )


def idle() -> Scenario:
    """KiB, and microseconds a second, of one connection."""

    def of(peer: Peer) -> Subject:
        return Subject(peer.name, lambda stage: _idle(stage, peer), peer.missing())

    return Scenario(
        "idle",
        f"An idle connection, of {SOCKETS:,}",
        tuple(of(peer) for peer in SOCKET_PEERS),
        "Memory: anonymous memory of the process, what the kernel keeps is not in it. CPU: of the whole process, by connection.",
        together=True,
        pictures=(
            Bars("KiB", f"Memory of an idle connection, of {SOCKETS:,}: KiB"),
            Bars("µs of CPU a second", f"CPU of an idle connection, of {SOCKETS:,}: µs a second"),
        ),
        rounds=1,
    )


def _start(stage: Stage, peer: Peer, path: str) -> Figures:
    with stage.serve(peer) as server:
        began = time.perf_counter()
        ask_once(server.port, "GET", path)
        seconds = server.start + time.perf_counter() - began
        return {"seconds": seconds, "CPU": cpu_seconds(server.pid)}


def _idle(stage: Stage, peer: Peer) -> Figures:
    seconds = IDLE_SECONDS if stage.seconds > 0.5 else stage.seconds * 4
    with stage.serve(peer) as server:
        found = stage.load(
            "stay",
            server,
            address=peer.address(server.port),
            sockets=SOCKETS,
            seconds=seconds,
            pings=peer.pings,
        )
    return {
        "KiB": found["memory"] / 1024,
        "µs of CPU a second": found["cpu"] / found["wall"] / found["count"] * 1e6,
    }
