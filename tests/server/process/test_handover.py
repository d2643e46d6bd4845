"""Connections that one process accepts and another serves."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from walkwire.server.process import handover


@pytest.fixture
def channel() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = handover.pair()
    with ours, theirs:
        yield ours, theirs


def test_a_connection_that_waits_is_served_at_the_other_end(
    channel: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = channel
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        assert list(handover.waiting(listener)) == []
        with socket.create_connection(listener.getsockname()) as client:
            (accepted,) = handover.waiting(listener)
            assert handover.send([ours], accepted)
            (received,) = handover.received(theirs)
            with received:
                received.send(b"hello")
                assert client.recv(5) == b"hello"


def test_one_that_the_first_does_not_take_goes_to_the_next(
    channel: tuple[socket.socket, socket.socket],
) -> None:
    dead, gone = handover.pair()
    gone.close()
    here, there = socket.socketpair()
    with dead, there:
        assert handover.send([dead, channel[0]], here)
        (received,) = handover.received(channel[1])
        received.close()
        assert there.recv(1) == b""


def test_one_that_nobody_takes_is_closed() -> None:
    dead, gone = handover.pair()
    gone.close()
    here, there = socket.socketpair()
    with dead, there:
        assert not handover.send([dead], here)
        assert there.recv(1) == b""


def test_nothing_comes_any_more_when_the_sender_has_died(
    channel: tuple[socket.socket, socket.socket],
) -> None:
    assert list(handover.received(channel[1])) == []
    channel[0].close()
    with pytest.raises(EOFError):
        list(handover.received(channel[1]))
