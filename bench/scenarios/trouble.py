"""Trouble: how late messages are when some do not read, or when walks keep the processor busy."""

from __future__ import annotations

from collections.abc import Sequence

from bench.peer import SOCKET_PEERS, WALKWIRE, Peer, walker_event
from bench.stage import Bars, Figures, Scenario, Stage, Subject

READERS = 95
STALLED = 5
RATE = 500.0  # messages a second
FILLING = 12  # messages of half a megabyte
STALL_SECONDS = 5.0  # in which the stalled ones pass the bound, and are gone
STALL_SIZE = 1000  # bytes of a message: so a bound of a megabyte is passed within two seconds
BOUND = 1024 * 1024  # walkwire's QUEUE_BOUND

HEARERS = 200
SLOW_RATE = 50.0
WALKS = 2


def stalled() -> Scenario:
    """Milliseconds until the others have a message."""

    def of(peer: Peer) -> Subject:
        return Subject(peer.name, lambda stage: _stalled(stage, peer), peer.missing())

    return Scenario(
        "stalled",
        f"{RATE:.0f} messages a second to {READERS} that read, with {STALLED} more that do not: milliseconds",
        tuple(of(peer) for peer in SOCKET_PEERS),
        f"All are sent {FILLING // 2} MB first. Lost: not there a second after the last was said. ∞: nobody was told any more.",
        rounds=2,
        pictures=(
            Bars("p99, some do not", f"p99 of {RATE:.0f} messages a second, {STALLED} % do not read: ms"),
        ),
    )


def given_up() -> Scenario:
    """What the others, and the server, feel of those who stop reading, until they are given up."""
    return Scenario(
        "stall",
        f"walkwire: {STALLED} of {READERS + STALLED} stop reading while {RATE:.0f} messages a second go out",
        (
            Subject("all read", lambda stage: _stall(stage, 0)),
            Subject("some do not", lambda stage: _stall(stage, STALLED)),
        ),
        "The p99 is that of those who read, while the others pass the bound of 1 MiB and are cut off. Gone after: the longest "
        "time from when the bound was passed until the connection had ended. Grown: resident memory of the server, at most.",
    )


def beside_walks() -> Scenario:
    """Milliseconds until a message of 50 a second is there."""
    return Scenario(
        "compute",
        f"{SLOW_RATE:.0f} messages a second to {HEARERS}, beside walks that compute: milliseconds",
        (
            Subject("walkwire, no walk", lambda stage: _beside(stage, 0)),
            Subject(f"walkwire, {WALKS} walks", lambda stage: _beside(stage, WALKS)),
        ),
    )


def _stalled(stage: Stage, peer: Peer) -> Figures:
    without = _pace(stage, peer, 0)
    with_stalled = _pace(stage, peer, STALLED)
    return {
        "p99, all read": without["p99"] * 1000,
        "p99, some do not": with_stalled["p99"] * 1000,
        "lost %": with_stalled["lost"] * 100,
    }


def _pace(stage: Stage, peer: Peer, stalled: int) -> dict[str, float]:
    with stage.serve(peer) as server:
        found: dict[str, float] = stage.load(
            "pace",
            server,
            address=peer.address(server.port),
            sockets=READERS,
            rate=RATE,
            seconds=stage.seconds * 1.5,
            stalled=stalled,
            filling=[500_000] * FILLING,
        )
    return found


def _stall(stage: Stage, stalled: int) -> Figures:
    with stage.serve(WALKWIRE) as server:
        found = stage.load(
            "stall",
            server,
            address=WALKWIRE.address(server.port),
            sockets=READERS,
            stalled=stalled,
            rate=RATE,
            seconds=max(STALL_SECONDS, stage.seconds),
            size=STALL_SIZE,
            bound=BOUND,
        )
    figures = {
        "p50 ms": found["p50"] * 1000,
        "p99 ms": found["p99"] * 1000,
        "lost %": found["lost"] * 100,
        "grown MiB": found["grown"] / 2**20,
    }
    return figures | ({"gone": found["gone"], "gone after s": found["late"]} if stalled else {})


def _beside(stage: Stage, walks: int) -> Figures:
    event = walker_event("compute", context={"seconds": stage.seconds * 2 + 3})
    beside: Sequence[str] = [event] * walks
    with stage.serve(WALKWIRE) as server:
        found = stage.load(
            "pace",
            server,
            address=WALKWIRE.address(server.port),
            sockets=HEARERS,
            rate=SLOW_RATE,
            seconds=stage.seconds * 2,
            beside=beside,
        )
    return {"p50": found["p50"] * 1000, "p99": found["p99"] * 1000, "worst": found["worst"] * 1000}
