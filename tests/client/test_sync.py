"""The client without a loop of the caller: waiting, time-outs, and the thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client.fake import FakeClock, FakeNetwork, settled
from walkwire.client import ClientError
from walkwire.client.sync import SyncChannel, SyncClient, connect


class Served:
    """A client, and what its server says, in the thread of the loop."""

    def __init__(self) -> None:
        self._network = FakeNetwork()
        self.client = connect(
            "ws://server.test", channels=["den"], clock=FakeClock(), transport=self._network.transport
        )

        async def welcome() -> None:
            await settled()
            self._network.sockets[0].welcome({"den": "d0"})

        self._do(welcome)

    def say(self, *frames: Any) -> None:
        async def say() -> None:
            for frame in frames:
                self._network.sockets[0].say(frame)

        self._do(say)

    def say_in_den(self, *numbers: int) -> None:
        self.say(
            *({"type": "channel", "channel_id": "den", "at": f"d{n}", "data": {"n": n}} for n in numbers)
        )

    def _do(self, work: Any) -> None:
        self.client._loop.run(work, 5)


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    with served.client:
        yield served


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "walkwire.client"]


def test_a_channel_is_read_from_its_joining_on(served: Served) -> None:
    den = served.client.channel("den")
    served.say_in_den(1, 2)
    assert [next(den).data, next(den).data] == [{"n": 1}, {"n": 2}]
    served.say_in_den(3)
    den.leave()
    assert [message.data for message in den] == [{"n": 3}]
    with pytest.raises(EOFError):
        den.receive()


def test_reading_that_was_interrupted_loses_nothing(served: Served) -> None:
    den = served.client.channel("den")
    for _ in range(3):
        with pytest.raises(TimeoutError):
            den.receive(timeout=0)
    served.say_in_den(1)
    assert den.receive(timeout=5).data == {"n": 1}


def test_a_call_may_take_so_long(served: Served) -> None:
    served.client.timeout = 0.01
    with pytest.raises(TimeoutError):
        served.client.walk("vote")


def test_a_handler_that_waits_for_the_client_is_told_that_it_must_not(served: Served) -> None:
    errors: list[Exception] = []

    def walk(_: Any) -> None:
        with pytest.raises(RuntimeError, match="must not wait") as caught:
            served.client.walk("vote")
        errors.append(caught.value)

    served.client.on_user(walk)
    served.say({"type": "user", "at": "u1", "data": {}})
    assert len(errors) == 1


def test_a_channel_into_which_the_server_puts_the_client_is_told_and_read(served: Served) -> None:
    told: list[tuple[str, SyncChannel]] = []
    served.client.on_joined(lambda channel: told.append(("joined", channel)))
    served.client.on_left(lambda channel: told.append(("left", channel)))
    served.say({"type": "joined", "channel_id": "attic", "at": "a0"})
    (happened, attic) = told.pop()
    assert (happened, attic.id) == ("joined", "attic")
    served.say({"type": "channel", "channel_id": "attic", "at": "a1", "data": {"n": 1}})
    assert next(attic).data == {"n": 1}
    served.say({"type": "left", "channel_id": "attic"})
    assert [(what, channel.id) for what, channel in told] == [("left", "attic")]
    assert list(attic) == []


def test_every_handler_of_the_client_is_one_of_the_sync_client(served: Served) -> None:
    den = served.client.channel("den")
    for sync in (served.client, den):
        handlers = {name for name in vars(sync._inner) if name.startswith("on_")}
        assert {name for name in vars(sync) if name.startswith("on_")} == handlers


def test_a_client_that_is_closed_leaves_no_thread() -> None:
    before = threads()
    served = Served()
    assert len(threads()) == len(before) + 1
    served.client.close()
    served.client.close()
    assert threads() == before
    assert served.client.state == "closed"
    with pytest.raises(ClientError, match="closed"):
        served.client.wake()


def test_a_client_that_cannot_be_made_leaves_no_thread() -> None:
    before = threads()
    with pytest.raises(ValueError, match="no address"):
        connect("server.test")
    assert threads() == before


def test_methods_keep_their_words() -> None:
    assert SyncClient.walk.__doc__
    assert "Call a walker" in SyncClient.walk.__doc__
