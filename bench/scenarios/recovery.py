"""Recovery: walkwire's version 2 beside Socket.IO with connection state recovery: what both keep so that nothing is missed."""

from __future__ import annotations

from bench.peer import SOCKETIO_RECOVERY, WALKWIRE_2, Peer
from bench.scenarios.streams import ARRIVALS, BURST, MANY, told_by
from bench.stage import Bars, Figures, Scenario, Stage, Subject, rate

GROUP = "recovery"


def told() -> Scenario:
    """Deliveries per CPU second."""
    return Scenario(
        "recovery-told",
        "Fan-out to listeners who could resume: deliveries per CPU second",
        tuple(
            Subject(peer.name, lambda stage, peer=peer: told_by(stage, peer), peer.missing())
            for peer in (WALKWIRE_2, SOCKETIO_RECOVERY)
        ),
        f"One speaks, all hear it: 100 bytes, and the position or offset from which to resume. {BURST} in flight: as many are "
        "sent in one write, and the next when all have heard all.",
        group=GROUP,
        pictures=(Bars(f"{MANY:,} sockets", f"Fan-out to {MANY:,} who could resume: per CPU second"),),
    )


def resumed() -> Scenario:
    """Connections per CPU second."""
    return Scenario(
        "recovery-resumed",
        "Connections with their session, and sessions that are resumed: per CPU second",
        (
            Subject(WALKWIRE_2.name, lambda stage: _come_back(stage, WALKWIRE_2, "resume")),
            Subject(
                SOCKETIO_RECOVERY.name,
                lambda stage: _come_back(stage, SOCKETIO_RECOVERY, "recover"),
                SOCKETIO_RECOVERY.missing(),
            ),
        ),
        f"{ARRIVALS} connections in one room, 64 under way at a time, whose connections are all lost. A session of walkwire is "
        "resumed with the positions of three streams, one of Socket.IO with one offset. Nothing was missed meanwhile.",
        group=GROUP,
    )


def _come_back(stage: Stage, peer: Peer, kind: str) -> Figures:
    with stage.serve(peer) as server:
        first, again = stage.load(kind, server, address=peer.address(server.port), sockets=ARRIVALS)
    return {"connected": rate(first), "resumed": rate(again)}
