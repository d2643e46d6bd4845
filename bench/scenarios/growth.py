"""Growth: how cost grows with the number of sockets. Measured only when it is asked for."""

from __future__ import annotations

from bench.peer import UWS, WALKWIRE, Peer
from bench.stage import Figures, Scenario, Stage, Subject, rate

HEARERS = (100, 1_000, 10_000)
IDLERS = (1_000, 5_000, 15_000)

_PEERS = (WALKWIRE, UWS)


def fan_out() -> Scenario:
    """Deliveries per CPU second."""

    def of(peer: Peer) -> Subject:
        return Subject(peer.name, lambda stage: _fan_out(stage, peer), peer.missing())

    return Scenario(
        "growth-fan-out",
        "Fan-out by the number of sockets: deliveries per CPU second",
        tuple(map(of, _PEERS)),
        on_request=True,
    )


def idle() -> Scenario:
    """KiB of one connection."""

    def of(peer: Peer) -> Subject:
        return Subject(peer.name, lambda stage: _idle(stage, peer), peer.missing())

    return Scenario(
        "growth-idle",
        "Memory of an idle connection by their number: KiB",
        tuple(map(of, _PEERS)),
        on_request=True,
    )


def _fan_out(stage: Stage, peer: Peer) -> Figures:
    stages = [
        {"sockets": sockets, "in_flight": 1, "message": peer.broadcast, "seconds": stage.seconds}
        for sockets in HEARERS
    ]
    with stage.serve(peer) as server:
        found = stage.load("fan_out", server, address=peer.address(server.port), stages=stages)
    return {f"{sockets:,} sockets": rate(one) for sockets, one in zip(HEARERS, found, strict=True)}


def _idle(stage: Stage, peer: Peer) -> Figures:
    figures = {}
    for sockets in IDLERS:
        with stage.serve(peer) as server:
            found = stage.load(
                "stay", server, address=peer.address(server.port), sockets=sockets, seconds=0.2
            )
        figures[f"{sockets:,} connections"] = found["memory"] / 1024
    return figures
