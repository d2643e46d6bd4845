"""The wheel, turned by hand: a tick is a second here."""

from __future__ import annotations

import asyncio

import pytest

from walkwire.wire import heartbeat as heartbeats
from walkwire.wire.heartbeat import Heartbeat, Phase


class Peer:
    """A socket that notes what is done to it, and when."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self.heartbeat = heartbeat
        self.heard = 0
        self.due = 0
        self.phase = Phase.OPEN
        self.reads_nothing = False
        self.log: list[tuple[int, str]] = []
        heartbeat.watch(self)

    def speak(self) -> None:
        self.heard = self.heartbeat.now

    def ping(self) -> None:
        self.log.append((self.heartbeat.now, "ping"))

    def no_pong(self) -> None:
        self.log.append((self.heartbeat.now, "silent"))
        self.heartbeat.start_closing(self)

    def abort(self) -> None:
        self.log.append((self.heartbeat.now, "abort"))
        self.heartbeat.forget(self)

    def is_paused(self) -> bool:
        return self.reads_nothing


@pytest.fixture
def heartbeat() -> Heartbeat:
    return Heartbeat(ping=25, pong=20, close=5)


def turn(heartbeat: Heartbeat, ticks: int) -> None:
    for _ in range(ticks):
        heartbeat.tick()


def test_a_silent_socket_is_asked_then_closed_then_cut(heartbeat: Heartbeat) -> None:
    peer = Peer(heartbeat)
    turn(heartbeat, 100)
    assert peer.log == [(25, "ping"), (45, "silent"), (50, "abort")]
    assert len(heartbeat) == 0


def test_one_that_answers_is_left_alone_and_asked_again(heartbeat: Heartbeat) -> None:
    peer = Peer(heartbeat)
    turn(heartbeat, 30)
    peer.speak()
    turn(heartbeat, 40)
    assert peer.log == [(25, "ping"), (55, "ping")]


def test_one_that_speaks_is_not_asked(heartbeat: Heartbeat) -> None:
    peer = Peer(heartbeat)
    for _ in range(20):
        turn(heartbeat, 24)
        peer.speak()
    assert peer.log == []
    turn(heartbeat, 25)
    assert [what for _, what in peer.log] == ["ping"]


def test_one_that_is_not_listened_to_is_not_blamed_for_its_silence(heartbeat: Heartbeat) -> None:
    peer = Peer(heartbeat)
    turn(heartbeat, 25)
    peer.reads_nothing = True
    turn(heartbeat, 200)
    assert peer.log == [(25, "ping")]
    peer.reads_nothing = False
    turn(heartbeat, 1)
    assert peer.log[1:] == [(226, "ping")]


def test_a_goodbye_has_its_time_too(heartbeat: Heartbeat) -> None:
    peer = Peer(heartbeat)
    turn(heartbeat, 3)
    heartbeat.start_closing(peer)
    turn(heartbeat, 4)
    assert peer.log == []
    turn(heartbeat, 1)
    assert peer.log == [(8, "abort")]


def test_one_that_has_gone_is_forgotten_at_once(heartbeat: Heartbeat) -> None:
    peers = [Peer(heartbeat) for _ in range(3)]
    heartbeat.forget(peers[1])
    heartbeat.forget(peers[1])
    assert len(heartbeat) == 2
    turn(heartbeat, 25)
    assert [len(peer.log) for peer in peers] == [1, 0, 1]


async def test_a_crowd_is_asked_in_stretches(heartbeat: Heartbeat) -> None:
    peers = [Peer(heartbeat) for _ in range(heartbeats.STRETCH + 1)]
    turn(heartbeat, 25)
    assert sum(len(peer.log) for peer in peers) == heartbeats.STRETCH
    await asyncio.sleep(0)
    assert sum(len(peer.log) for peer in peers) == heartbeats.STRETCH + 1


def test_short_times_are_kept_by_short_ticks() -> None:
    assert Heartbeat(ping=0.4, pong=0.2).tick_seconds == pytest.approx(0.05)
    assert Heartbeat(ping=25, pong=20).tick_seconds == 1.0


async def test_waiting_for_all_to_go_ends_with_the_last_and_cuts_those_who_stay(heartbeat: Heartbeat) -> None:
    peer = Peer(heartbeat)
    waiting = asyncio.ensure_future(heartbeat.empty(60))
    await asyncio.sleep(0)
    heartbeat.forget(peer)
    await waiting
    stays = Peer(heartbeat)
    await heartbeat.empty(0.01)
    assert [what for _, what in stays.log] == ["abort"]


async def test_the_wheel_turns_with_the_clock_of_the_loop() -> None:
    heartbeat = Heartbeat(ping=0.02, pong=0.02, close=0.02)
    asked = asyncio.Event()

    class Asked(Peer):
        def ping(self) -> None:
            asked.set()

    Asked(heartbeat)
    heartbeat.start()
    await asyncio.wait_for(asked.wait(), 5)
    heartbeat.stop()
