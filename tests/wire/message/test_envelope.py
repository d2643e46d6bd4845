"""What servers tell each other."""

from __future__ import annotations

import re

import pytest

from walkwire.ids import ServerIds
from walkwire.wire.message import envelope
from walkwire.wire.message.envelope import Head


def test_a_letter_arrives_as_it_was_written() -> None:
    head = Head("aaaaaaaa", 7, "channels", ("a\nb", "é"), "x")
    data = b'{"a":\n"b\n"}'
    assert envelope.decode(envelope.encode(head, data)) == (head, data)


@pytest.mark.parametrize("message", [b"", b"\n", b"{}\n", b'["a",1]\n{}', b"\xff"])
def test_what_is_no_letter_is_told_apart(message: bytes) -> None:
    with pytest.raises(ValueError, match="Not an envelope"):
        envelope.decode(message)


@pytest.mark.parametrize("channel_id", ["", "a b", "a.b", "*", ">", "é", "x" * 5000, "a\n", "\ud800"])
def test_a_topic_is_a_name_that_every_broker_takes(channel_id: str) -> None:
    topic = envelope.channel_topic(channel_id)
    assert re.fullmatch(r"[a-z]\.[A-Za-z0-9:_-]{1,100}", topic)
    assert topic != envelope.channel_topic(channel_id + "2")


def test_what_is_for_a_made_id_goes_to_the_server_that_made_it() -> None:
    ids = ServerIds()
    made = ids.new()
    assert envelope.topics("clients", made) == (f"s.{ids.server}",)
    assert envelope.topics("clients", "nobody") == ()
    assert envelope.topics("channels", made) == (f"s.{ids.server}", f"c.{made}")
    assert envelope.topics("channels", "lobby") == ("c.lobby",)
    assert envelope.topics("users", "a" * 24) == (f"u.{'a' * 24}",)
