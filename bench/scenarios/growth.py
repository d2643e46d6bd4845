"""Growth: how cost grows with the number of sockets, of channels, of joins and leaves. A page of its own, `--only growth`."""

from __future__ import annotations

from collections.abc import Mapping

from bench.peer import UWS, WALKWIRE, Peer
from bench.stage import Bars, Curves, Figures, Scenario, Stage, Subject, rate

GROUP = "growth"
HEARERS = (100, 1_000, 10_000)
CHANNELS = (10, 100, 1_000)
OF_EACH = 10  # who hears a channel, of many
IDLERS = (1_000, 5_000, 15_000)
BROADCASTS = 12  # which a question is asked beside
STAYING, MOVING = 200, 100
RATE, MOVES = 100.0, 5_000.0  # messages, and joins and leaves, a second
MOVING_SECONDS = 3.0

_PEERS = (WALKWIRE, UWS)


def sockets() -> Scenario:
    """Microseconds of CPU for a delivery, by the number of those who hear."""

    def of(peer: Peer) -> Subject:
        return Subject(peer.name, lambda stage: _sockets(stage, peer), peer.missing())

    title = "One delivery, µs of CPU, by the number of sockets"
    at = _at(HEARERS, "sockets")
    return Scenario(
        "growth-sockets", title, tuple(map(of, _PEERS)), group=GROUP, pictures=(Curves(title, at),)
    )


def channels() -> Scenario:
    """The same, by the number of channels."""
    title = f"One delivery, µs of CPU, by the number of channels of {OF_EACH}"
    return Scenario(
        "growth-channels",
        title,
        (Subject("walkwire", _channels),),
        "One message at a time in each channel, said by one who is in it. In the end, ten channels with a thousand sockets each.",
        group=GROUP,
        pictures=(Curves(title, _at(CHANNELS, "channels")),),
    )


def memory() -> Scenario:
    """KiB of one connection."""

    def of(peer: Peer) -> Subject:
        return Subject(peer.name, lambda stage: _memory(stage, peer), peer.missing())

    title = "Memory of an idle connection, KiB, by their number"
    return Scenario(
        "growth-memory",
        title,
        tuple(map(of, _PEERS)),
        rounds=1,
        group=GROUP,
        pictures=(Curves(title, _at(IDLERS, "connections")),),
    )


def churn() -> Scenario:
    """Milliseconds until a message is there, while others come and go."""
    return Scenario(
        "growth-churn",
        f"{RATE:.0f} messages a second to {STAYING}, beside {MOVING} more who join and leave the channel",
        (
            Subject("nobody moves", lambda stage: _churn(stage, 0)),
            Subject(f"{MOVES:,.0f} a second", lambda stage: _churn(stage, MOVES)),
        ),
        f"Joins and leaves are events of the {MOVING}, each answered; half of them are in the channel where nobody moves.",
        group=GROUP,
        pictures=(Bars("p99 ms", "p99 of a broadcast, beside joins and leaves: ms"),),
    )


def hold() -> Scenario:
    """Milliseconds for which a broadcast keeps the loop."""

    def of(name: str, peer: Peer, question: str) -> Subject:
        return Subject(name, lambda stage: _hold(stage, peer, question), peer.missing())

    title = "Wait during a broadcast, CPU ms, by the number of sockets"
    return Scenario(
        "growth-hold",
        title,
        (
            of("walkwire", WALKWIRE, ""),
            of("walkwire, an event", WALKWIRE, WALKWIRE.echo),
            of("uWebSockets", UWS, ""),
        ),
        "The longest wait for the answer to a ping, by one who does not hear the broadcast, in CPU time of the server; medians "
        f"of {BROADCASTS} broadcasts. So long a stretch holds the loop. An event's answer is a frame as others are, and may wait "
        "for more.",
        group=GROUP,
        pictures=(Curves(title, _at(HEARERS, "sockets")),),
    )


def _at(numbers: tuple[int, ...], what: str) -> Mapping[str, float]:
    return {f"{number:,} {what}": number for number in numbers}


def _sockets(stage: Stage, peer: Peer) -> Figures:
    stages = [
        {"sockets": number, "in_flight": 1, "messages": [peer.broadcast()], "seconds": stage.seconds}
        for number in HEARERS
    ]
    with stage.serve(peer) as server:
        found = stage.load("fan_out", server, address=peer.address(server.port), stages=stages)
    return {name: 1e6 / rate(one) for name, one in zip(_at(HEARERS, "sockets"), found, strict=True)}


def _channels(stage: Stage) -> Figures:
    figures = {f"{number:,} channels": _in_channels(stage, number, OF_EACH) for number in CHANNELS}
    return figures | {"10 channels of 1,000": _in_channels(stage, 10, 1_000)}


def _in_channels(stage: Stage, number: int, of_each: int) -> float:
    names = [f"room-{place}" for place in range(number)]
    messages = [WALKWIRE.broadcast(name) for name in names]
    told = {
        "sockets": number * of_each,
        "in_flight": 1,
        "messages": messages,
        "seconds": stage.seconds,
    }
    with stage.serve(WALKWIRE) as server:
        address = WALKWIRE.address(server.port)
        (found,) = stage.load("fan_out", server, address=address, stages=[told], channels=names)
    return 1e6 / rate(found)


def _memory(stage: Stage, peer: Peer) -> Figures:
    figures = {}
    for name, number in _at(IDLERS, "connections").items():
        with stage.serve(peer) as server:
            found = stage.load("stay", server, address=peer.address(server.port), sockets=number, seconds=0.2)
        figures[name] = found["memory"] / 1024
    return figures


def _churn(stage: Stage, moves: float) -> Figures:
    with stage.serve(WALKWIRE) as server:
        found = stage.load(
            "churn",
            server,
            address=WALKWIRE.address(server.port),
            sockets=STAYING,
            rate=RATE,
            seconds=max(MOVING_SECONDS, stage.seconds),
            movers=MOVING,
            moves=moves,
        )
    return {
        "p50 ms": found["p50"] * 1000,
        "p99 ms": found["p99"] * 1000,
        "worst ms": found["worst"] * 1000,
        "joins and leaves a second": found["moves"],
        "CPU of the server %": found["cpu"] / found["wall"] * 100,
    }


def _hold(stage: Stage, peer: Peer, question: str) -> Figures:
    figures = {}
    for name, number in _at(HEARERS, "sockets").items():
        with stage.serve(peer) as server:
            found = stage.load(
                "hold",
                server,
                address=peer.address(server.port),
                sockets=number,
                message=peer.broadcast(),
                question=question,
                answer=peer.echoed,
                times=BROADCASTS,
            )
        figures[name] = found["held"] * 1000
    return figures | {f"{HEARERS[-1]:,} sockets, by the clock": found["waited"] * 1000}
