"""Sockets: messages to many, back to one, and connections made, on walkwire and on every peer."""

from __future__ import annotations

from typing import Any

from bench.peer import SOCKET_PEERS, TELL, WALKWIRE, Peer
from bench.stage import Bars, Figures, Scenario, Stage, Subject, rate

FEW, MANY, BURST = 200, 1000, 16
ASKERS = 50
ARRIVALS = 2000


def fan_out() -> Scenario:
    """Deliveries per CPU second."""
    return Scenario(
        "fan-out",
        "Fan-out: deliveries per CPU second",
        _subjects(fan_out_of),
        "One speaks, all hear it, 100 bytes. In flight: said in one write, the next ones when all have heard all.",
        pictures=(
            Bars(f"{MANY:,} sockets", f"Fan-out to {MANY:,}, one message at a time: per CPU second"),
            Bars(
                f"{MANY:,} sockets, {BURST} in flight",
                f"Fan-out to {MANY:,}, {BURST} messages in flight: per CPU second",
            ),
        ),
    )


def echo() -> Scenario:
    """Answers per CPU second."""
    return Scenario(
        "echo",
        "Echo: answers",
        _subjects(echo_of),
        f"{ASKERS} sockets, one question at a time each. walkwire's answer is a `connection` frame, of almost twice the size.",
        pictures=(Bars("per CPU second", "Echo: answers per CPU second"),),
    )


def arrivals() -> Scenario:
    """Connections per CPU second."""
    return Scenario(
        "arrivals",
        "Connections, each with its first frame",
        _subjects(arrivals_of),
        f"{ARRIVALS} connections, 64 under way at a time, all of which stay.",
        pictures=(Bars("per CPU second", "Connections made, per CPU second"),),
    )


def tell() -> Scenario:
    """A walker beside a client's event."""
    return Scenario(
        "tell",
        f"A walker's `notify_channels` to {FEW}, beside a client's event: deliveries per CPU second",
        (Subject("walkwire", tell_of),),
    )


def _subjects(measure: Any) -> tuple[Subject, ...]:
    def of(peer: Peer) -> Subject:
        return Subject(peer.name, lambda stage: measure(stage, peer), peer.missing())

    return tuple(of(peer) for peer in SOCKET_PEERS)


def fan_out_of(stage: Stage, peer: Peer) -> Figures:
    """One round of `fan_out`."""
    plan = {
        f"{FEW} sockets": (FEW, 1),
        f"{MANY:,} sockets": (MANY, 1),
        f"{MANY:,} sockets, {BURST} in flight": (MANY, BURST),
    }
    stages = [
        {"sockets": sockets, "in_flight": in_flight, "messages": [peer.broadcast()], "seconds": stage.seconds}
        for sockets, in_flight in plan.values()
    ]
    return _measure(stage, peer, list(plan), stages)


def tell_of(stage: Stage, peer: Peer = WALKWIRE) -> Figures:
    """One round of `tell`."""
    plan = {"a client's event": peer.broadcast(), "a walker": TELL}
    stages = [
        {"sockets": FEW, "in_flight": 1, "messages": [message], "seconds": stage.seconds}
        for message in plan.values()
    ]
    return _measure(stage, peer, list(plan), stages)


def _measure(stage: Stage, peer: Peer, names: list[str], stages: list[dict[str, Any]]) -> Figures:
    with stage.serve(peer) as server:
        found = stage.load("fan_out", server, address=peer.address(server.port), stages=stages)
    return dict(zip(names, map(rate, found), strict=True))


def echo_of(stage: Stage, peer: Peer) -> Figures:
    """One round of `echo`."""
    with stage.serve(peer) as server:
        found = stage.load(
            "ask",
            server,
            address=peer.address(server.port),
            sockets=ASKERS,
            questions=[peer.echo],
            answer=peer.echoed,
            seconds=stage.seconds,
        )
    return {"per CPU second": rate(found), "per second": found["count"] / found["wall"]}


def arrivals_of(stage: Stage, peer: Peer) -> Figures:
    """One round of `arrivals`."""
    with stage.serve(peer) as server:
        found = stage.load("arrive", server, address=peer.address(server.port), sockets=ARRIVALS)
    return {"per CPU second": rate(found), "per second": found["count"] / found["wall"]}
