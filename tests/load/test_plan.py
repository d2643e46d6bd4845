"""What is asked for, and where."""

from __future__ import annotations

import pytest

from walkwire.errors import StartError
from walkwire.load.address import Address
from walkwire.load.plan import Plan


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("127.0.0.1:8000", Address("127.0.0.1", 8000, "/websocket?channel_id={channel}", False)),
        ("http://localhost", Address("localhost", 80, "/websocket?channel_id={channel}", False)),
        ("wss://a.example/live", Address("a.example", 443, "/live?channel_id={channel}", True)),
        ("ws://[::1]:9", Address("::1", 9, "/websocket?channel_id={channel}", False)),
    ],
)
def test_a_server_may_be_named_in_several_ways(url: str, address: Address) -> None:
    assert Address.at(url) == address


@pytest.mark.parametrize("url", ["ftp://x", "ws://", "ws://x:99999", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(StartError):
        Address.at(url)


@pytest.mark.parametrize(("connections", "channels", "rate"), [(1, 2, 1), (1, 0, 1), (1, 1, 0)])
def test_what_makes_no_sense_is_refused(connections: int, channels: int, rate: float) -> None:
    with pytest.raises(StartError):
        Plan(connections, channels, rate, 1)
