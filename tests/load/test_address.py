"""Where a server is, and how it is spoken to."""

from __future__ import annotations

import json

import pytest

from walkwire.errors import StartError
from walkwire.load.address import Address


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


def test_it_is_opened_in_a_channel_of_whatever_name() -> None:
    head, *lines = Address.at("ws://[::1]:9", "TOKEN").request("a&b /é", "KEY").decode().split("\r\n")
    assert head == "GET /websocket?channel_id=a%26b%20%2F%C3%A9 HTTP/1.1"
    assert {"Host: [::1]:9", "Sec-WebSocket-Key: KEY", "Authorization: Bearer TOKEN"} <= set(lines)


def test_who_has_no_token_shows_none() -> None:
    assert b"Authorization" not in Address.at("x").request("a", "KEY")


def test_others_are_told_by_an_event() -> None:
    event = Address.at("x").tell("lobby", '{"n":1}')
    assert json.loads(event) == {"type": "channel", "channel_ids": ["lobby"], "data": {"n": 1}}
