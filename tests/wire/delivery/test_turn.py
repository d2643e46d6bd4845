"""One write per connection and turn of the loop."""

from __future__ import annotations

import asyncio

import pytest

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.delivery.turn import JOIN_BYTES, STRETCH, TURN_BYTES, Turn
from walkwire.wire.message import close
from walkwire.wire.message.frame import text


class Peer:
    """A transport that notes each write; `stuck` bytes are never sent."""

    def __init__(self, stuck: int = 0) -> None:
        self.writes: list[bytes] = []
        self.stuck = stuck
        self.ended: int | None = None

    def write(self, data: bytes) -> None:
        assert self.ended is None
        self.writes.append(data)

    def unsent(self) -> int:
        return self.stuck

    def close(self, code: int, reason: str) -> None:
        self.ended = code

    def abort(self) -> None:
        self.ended = 1006

    def pause(self) -> None:
        raise AssertionError

    def resume(self) -> None:
        raise AssertionError


def client(peer: Peer) -> Client:
    return Client("1:x", PUBLIC_ROOT, "lobby", False, peer)


def crowd(size: int) -> tuple[list[Peer], list[Client]]:
    peers = [Peer() for _ in range(size)]
    return peers, [client(peer) for peer in peers]


def framed(*payloads: bytes) -> bytes:
    return b"".join(map(text, payloads))


async def next_turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_what_is_said_in_one_turn_is_one_write_in_its_order() -> None:
    turn = Turn(1000)
    peers, (ann, bob) = crowd(2)
    room = {ann, bob}
    turn.spread(room, b"1")
    turn.put(ann, b"2")
    turn.spread(room, b"3")
    turn.spread(room, b"4")
    turn.put(bob, b"5")
    assert [peer.writes for peer in peers] == [[], []]
    await next_turn()
    assert peers[0].writes == [framed(b"1", b"2", b"3", b"4")]
    assert peers[1].writes == [framed(b"1", b"3", b"4", b"5")]


async def test_a_burst_to_one_audience_is_joined_once_for_all() -> None:
    turn = Turn(1000)
    peers, clients = crowd(3)
    room = set(clients)
    for number in range(16):
        turn.spread(room, b"%d" % number)
    await next_turn()
    first = peers[0].writes[0]
    assert first == framed(*(b"%d" % number for number in range(16)))
    assert all(peer.writes[0] is first for peer in peers)


async def test_the_next_turn_is_the_next_write() -> None:
    turn = Turn(1000)
    peer = Peer()
    ann = client(peer)
    for payload in (b"1", b"2"):
        turn.put(ann, payload)
        await next_turn()
    assert peer.writes == [framed(b"1"), framed(b"2")]


async def test_what_was_spread_is_for_those_who_were_members_then() -> None:
    turn = Turn(1000)
    peers, (ann, bob) = crowd(2)
    room = {ann}
    turn.spread(room, b"1")
    turn.resolve_members()
    room.add(bob)
    turn.spread(room, b"2")
    await next_turn()
    assert [peer.writes for peer in peers] == [[framed(b"1", b"2")], [framed(b"2")]]


@pytest.mark.parametrize("stuck", [1000, 1001])
async def test_a_client_with_more_than_the_bound_unsent_is_cut_off_and_the_others_hear(stuck: int) -> None:
    turn = Turn(1000)
    slow, quick = Peer(stuck), Peer()
    room = {client(slow), client(quick)}
    for member in room:
        if member.transport is slow:
            turn.lags.begin(member)
    turn.spread(room, b"1")
    await next_turn()
    turn.spread(room, b"2")
    await next_turn()
    assert quick.writes == [framed(b"1"), framed(b"2")]
    is_cut_off = stuck > 1000
    assert (slow.ended, len(slow.writes), turn.cut_off) == ((1006, 0, 1) if is_cut_off else (None, 2, 0))


async def test_only_what_waits_before_a_frame_counts_so_a_large_frame_is_written() -> None:
    turn = Turn(10)
    peer = Peer()
    ann = client(peer)
    turn.lags.begin(ann)
    turn.put(ann, b"x" * 100_000)
    await next_turn()
    assert (peer.writes, peer.ended) == ([framed(b"x" * 100_000)], None)


async def test_large_frames_are_not_copied_for_each_recipient() -> None:
    turn = Turn(10)
    peers, clients = crowd(2)
    large = b"x" * (JOIN_BYTES + 1)
    for payload in (b"1", b"2", large, b"3"):
        turn.spread(set(clients), payload) if payload == b"1" else turn.put(clients[0], payload)
    room = set(clients)
    turn.spread(room, large)
    turn.spread(room, b"4")
    await next_turn()
    assert peers[0].writes == [framed(b"1", b"2"), framed(large), framed(b"3"), framed(large), framed(b"4")]
    assert peers[1].writes == [framed(b"1"), framed(large), framed(b"4")]
    assert peers[0].writes[3] is peers[1].writes[1]


async def test_a_turn_with_much_to_say_is_written_at_once() -> None:
    turn = Turn(10)
    peer = Peer()
    ann = client(peer)
    turn.put(ann, b"x" * (TURN_BYTES // 2))
    assert peer.writes == []
    turn.put(ann, b"y" * (TURN_BYTES // 2))
    assert len(b"".join(peer.writes)) > TURN_BYTES
    await next_turn()
    assert len(peer.writes) == 2


async def test_a_large_audience_is_served_in_stretches_and_order_is_kept() -> None:
    turn = Turn(1000)
    peers, clients = crowd(2 * STRETCH + 10)
    room = set(clients)
    turn.spread(room, b"1")
    turn.flush()
    assert sum(len(peer.writes) for peer in peers) == STRETCH
    turn.spread(room, b"2")
    turn.flush()
    assert sum(bool(peer.writes) for peer in peers) == 2 * STRETCH
    for _ in range(5):
        await next_turn()
    assert {b"".join(peer.writes) for peer in peers} == {framed(b"1", b"2")}


async def test_an_answer_is_not_kept_behind_a_large_audience_but_behind_what_its_client_is_to_hear_first() -> (
    None
):
    turn = Turn(1000)
    peers, clients = crowd(5 * STRETCH)
    turn.spread(set(clients), b"news")
    await next_turn()
    late, other = next(i for i, peer in enumerate(peers) if not peer.writes), Peer()
    turn.put(clients[late], b"answer")
    turn.put(client(other), b"hello")
    await asyncio.sleep(0)
    assert peers[late].writes == [framed(b"news", b"answer")]
    assert other.writes == [framed(b"hello")]
    for _ in range(5):
        await next_turn()
    assert all(len(peer.writes) == 1 for peer in peers)


async def test_an_answer_behind_news_is_in_the_same_write_and_the_others_hear_the_news_alone() -> None:
    turn = Turn(1000)
    peers, clients = crowd(3)
    stranger = Peer()
    turn.spread(set(clients), b"news")
    turn.put(clients[1], b"answer")
    turn.put(client(stranger), b"hello")
    turn.put(clients[1], b"more")
    await next_turn()
    assert [peer.writes for peer in peers] == [
        [framed(b"news")],
        [framed(b"news", b"answer", b"more")],
        [framed(b"news")],
    ]
    assert stranger.writes == [framed(b"hello")]


async def test_news_behind_an_answer_comes_behind_it() -> None:
    turn = Turn(1000)
    peers, clients = crowd(2)
    room = set(clients)
    turn.spread(room, b"1")
    turn.put(clients[0], b"answer")
    turn.spread(room, b"2")
    await next_turn()
    assert [peer.writes for peer in peers] == [[framed(b"1", b"answer", b"2")], [framed(b"1", b"2")]]


async def test_what_is_held_comes_after_the_first_frame() -> None:
    turn = Turn(1000)
    peer = Peer()
    ann = client(peer)
    room = {ann}
    turn.spread(room, b"old")
    turn.hold(ann)
    turn.spread(room, b"new")
    await next_turn()
    assert peer.writes == [framed(b"old")]
    turn.put(ann, b"newer")
    turn.release(ann, b"first")
    await next_turn()
    assert b"".join(peer.writes) == framed(b"old", b"first", b"new", b"newer")


async def test_a_client_that_is_held_for_too_much_is_cut_off() -> None:
    turn = Turn(1000)
    peer = Peer()
    ann = client(peer)
    turn.hold(ann)
    for _ in range(13):
        turn.put(ann, b"x" * 100)
        await next_turn()
    assert peer.ended == 1006
    turn.release(ann, b"first")
    assert peer.writes == []


async def test_the_goodbye_comes_after_what_was_said_and_then_nothing_more() -> None:
    turn = Turn(1000)
    peer = Peer()
    ann = client(peer)
    room = {ann}
    turn.spread(room, b"1")
    turn.close(ann, close.DRAIN)
    assert (peer.writes, peer.ended) == ([framed(b"1")], 4200)
    turn.spread(room, b"2")
    turn.put(ann, b"3")
    await next_turn()
    assert ann.transport is GONE
