"""A client that takes its frames slower than they come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.delivery.lag import FULL
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.message import close
from walkwire.wire.message.frame import text

BOUND = 4 * FULL


class Peer:
    """A transport that sends only what `read` tells it to, and says when it is full, as an event loop's does."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.waiting: list[bytes] = []
        self.got = b""
        self.ended: int | None = None
        self.is_full = False
        self.client = Client("1:x", PUBLIC_ROOT, "lobby", False, self)

    def write(self, data: bytes) -> None:
        assert self.ended is None
        self.waiting.append(data)
        if self.unsent() > FULL and not self.is_full:
            self.is_full = True
            self.turn.lags.begin(self.client)

    def unsent(self) -> int:
        return sum(map(len, self.waiting))

    def read(self) -> None:
        """Take all there is, and let the server hear of it."""
        self.got += b"".join(self.waiting)
        self.waiting.clear()
        if self.is_full:
            self.is_full = False
            self.turn.lags.catch_up(self.client)

    async def read_all(self) -> list[bytes]:
        for _ in range(20):
            self.read()
            await turns()
        return unframed(self.got)

    def close(self, code: int, reason: str) -> None:
        self.ended = code

    def abort(self) -> None:
        self.ended = 1006

    def pause(self) -> None: ...
    def resume(self) -> None: ...


def unframed(data: bytes) -> list[bytes]:
    found = []
    while data:
        size, head = data[1], 2
        if size >= 126:
            head = 4 if size == 126 else 10
            size = int.from_bytes(data[2:head], "big")
        found.append(data[head : head + size])
        data = data[head + size :]
    return found


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
async def turn() -> Turn:
    return Turn(BOUND)


@pytest.fixture
async def slow(turn: Turn) -> Peer:
    """A peer whose transport is full already."""
    peer = Peer(turn)
    turn.put(peer.client, b"-" * (FULL + 1))
    turn.flush()
    assert len(turn.lags) == 1
    return peer


@pytest.fixture
async def quick(turn: Turn) -> Peer:
    return Peer(turn)


def spread(turn: Turn, peers: tuple[Peer, ...], data: bytes, overflow: Any, audience: str = "a") -> None:
    turn.spread({peer.client for peer in peers}, data, overflow, audience)
    turn.flush()


async def test_who_keeps_up_hears_all_and_who_lags_only_the_latest(
    turn: Turn, slow: Peer, quick: Peer
) -> None:
    for number in range(5):
        spread(turn, (slow, quick), b"%d" % number, "latest")
    assert await quick.read_all() == [b"0", b"1", b"2", b"3", b"4"]
    assert (await slow.read_all())[1:] == [b"4"]
    assert len(turn.lags) == 0


async def test_the_latest_is_that_of_an_audience(turn: Turn, slow: Peer) -> None:
    for number in range(3):
        spread(turn, (slow,), b"a%d" % number, "latest", "a")
        spread(turn, (slow,), b"b%d" % number, "latest", "b")
    assert (await slow.read_all())[1:] == [b"a2", b"b2"]


async def test_what_waits_too_much_loses_its_oldest(turn: Turn, slow: Peer) -> None:
    frames = [b"%06d" % number * 1000 for number in range(200)]
    for frame in frames:
        spread(turn, (slow,), frame, "drop_oldest")
    heard = (await slow.read_all())[1:]
    assert heard == frames[-len(heard) :]
    assert BOUND // 3 < sum(map(len, heard)) <= BOUND
    assert slow.ended is None


async def test_what_may_not_be_dropped_is_sent_in_its_order(turn: Turn, slow: Peer) -> None:
    turn.put(slow.client, b"1")
    spread(turn, (slow,), b"old", "latest")
    turn.put(slow.client, b"2")
    turn.flush()
    spread(turn, (slow,), b"new", "latest")
    spread(turn, (slow,), b"3", "close")
    assert (await slow.read_all())[1:] == [b"1", b"2", b"new", b"3"]


async def test_too_much_of_what_may_not_be_dropped_ends_it(turn: Turn, slow: Peer, quick: Peer) -> None:
    spread(turn, (slow, quick), b"x", "latest")
    for _ in range(6):
        spread(turn, (slow, quick), b"y" * FULL, "close")
        quick.read()
    assert (slow.ended, slow.client.transport) == (1006, GONE)
    assert (quick.ended, turn.cut_off, len(turn.lags)) == (None, 1, 0)


async def test_a_goodbye_comes_behind_what_waits(turn: Turn, slow: Peer) -> None:
    spread(turn, (slow,), b"last", "latest")
    turn.close(slow.client, close.DRAIN)
    assert (slow.ended, unframed(b"".join(slow.waiting))[1:]) == (4200, [b"last"])


async def test_who_is_held_is_first_given_what_waits(turn: Turn, slow: Peer) -> None:
    spread(turn, (slow,), b"before", "latest")
    turn.hold(slow.client)
    spread(turn, (slow,), b"while", "latest")
    turn.release(slow.client, b"first")
    assert (await slow.read_all())[1:] == [b"before", b"first", b"while"]


async def test_who_has_gone_leaves_nothing(turn: Turn, slow: Peer) -> None:
    spread(turn, (slow,), b"x", "latest")
    turn.remove(slow.client)
    assert len(turn.lags) == 0
    slow.read()
    await turns()
    assert slow.waiting == []


async def test_a_large_backlog_is_written_as_the_transport_takes_it(turn: Turn, slow: Peer) -> None:
    for number in range(3):
        spread(turn, (slow,), b"%d" % number * FULL, "drop_oldest")
    for left in (2, 1, 0):
        slow.read()
        await turns()
        assert (len(unframed(b"".join(slow.waiting))), len(turn.lags)) == (1, 1), left
    assert len(await slow.read_all()) == 4
    assert len(turn.lags) == 0


def test_the_frames_are_whole(turn: Turn) -> None:
    assert unframed(text(b"a") + text(b"b" * 200)) == [b"a", b"b" * 200]
