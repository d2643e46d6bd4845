"""Streams: clients of version 2 of the wire, beside those of version 1."""

from __future__ import annotations

from bench.peer import WALKWIRE, WALKWIRE_2, Peer
from bench.stage import Bars, Figures, Scenario, Stage, Subject, rate

MANY, BURST = 1000, 16
ARRIVALS = 2000
IDLE = 5000
GROUP = "streams"


def told() -> Scenario:
    """Deliveries per CPU second."""
    return Scenario(
        "told",
        "Fan-out to listeners of a stream, beside members of version 1: deliveries per CPU second",
        tuple(
            Subject(peer.name, lambda stage, peer=peer: told_by(stage, peer))
            for peer in (WALKWIRE, WALKWIRE_2)
        ),
        "One speaks, all hear it. A frame of version 2 has its channel and position around the same 100 bytes.",
        group=GROUP,
        pictures=(Bars(f"{MANY:,} sockets", f"Fan-out to {MANY:,}: per CPU second"),),
    )


def resumed() -> Scenario:
    """Connections per CPU second."""
    return Scenario(
        "resumed",
        "Connections with their first frame, and sessions that are resumed: per CPU second",
        (Subject(WALKWIRE.name, _arrive), Subject(WALKWIRE_2.name, _resume)),
        f"{ARRIVALS} connections, 64 under way at a time. A session is resumed with the positions of three streams.",
        group=GROUP,
    )


def kept() -> Scenario:
    """Memory."""
    return Scenario(
        "kept",
        "An idle connection: KiB",
        tuple(
            Subject(peer.name, lambda stage, peer=peer: _idle(stage, peer)) for peer in (WALKWIRE, WALKWIRE_2)
        ),
        f"{IDLE:,} connections in one channel, of one user who has not signed in.",
        group=GROUP,
        rounds=1,
    )


def told_by(stage: Stage, peer: Peer) -> Figures:
    """Measure fan-out to `MANY` members, one message at a time and `BURST` in flight."""
    plan = {f"{MANY:,} sockets": 1, f"{MANY:,} sockets, {BURST} in flight": BURST}
    stages = [
        {"sockets": MANY, "in_flight": in_flight, "messages": [peer.broadcast()], "seconds": stage.seconds}
        for in_flight in plan.values()
    ]
    with stage.serve(peer) as server:
        found = stage.load("fan_out", server, address=peer.address(server.port), stages=stages)
    return dict(zip(plan, map(rate, found), strict=True))


def _arrive(stage: Stage) -> Figures:
    with stage.serve(WALKWIRE) as server:
        found = stage.load("arrive", server, address=WALKWIRE.address(server.port), sockets=ARRIVALS)
    return {"connected": rate(found)}


def _resume(stage: Stage) -> Figures:
    with stage.serve(WALKWIRE_2) as server:
        first, again = stage.load("resume", server, address=WALKWIRE_2.address(server.port), sockets=ARRIVALS)
    return {"connected": rate(first), "resumed": rate(again)}


def _idle(stage: Stage, peer: Peer) -> Figures:
    with stage.serve(peer) as server:
        found = stage.load(
            "stay", server, address=peer.address(server.port), sockets=IDLE, seconds=stage.seconds
        )
    return {"KiB": found["memory"] / 1024}
