"""What servers tell each other about presence."""

from __future__ import annotations

import pytest
from msgspec import Raw

from walkwire.wire.presence import messages
from walkwire.wire.presence.messages import Beat, Part, Update, Who


@pytest.mark.parametrize("word", [Beat(3, True, {"s": 1}), Who(1, ("a",))])
def test_a_message_comes_as_it_was_sent(word: messages.Word) -> None:
    assert messages.decode(messages.encode(word)) == word


def test_the_parts_of_an_update_are_encoded_once() -> None:
    part = Part("den", (("a" * 24, Raw(b'{"name":"Ann"}')),), ("b" * 24,), 2)
    update = messages.decode(messages.encode(Update(1, (messages.encoded(part),))))
    assert isinstance(update, Update)
    (read,) = messages.parts_of(update)
    assert (read.channel_id, read.left, read.public) == ("den", part.left, 2)
    assert bytes(read.joined[0][1]) == b'{"name":"Ann"}'


def test_a_message_of_a_later_version_is_passed_over() -> None:
    assert messages.decode(b'["dance",1]') is None
    assert messages.decode(b"{") is None


def test_an_update_is_bounded() -> None:
    parts = [Raw(b'"%b"' % (b"x" * 50_000))] * 5
    assert [len(few) for few in messages.packed(parts)] == [2, 2, 1]
