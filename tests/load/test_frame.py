"""The frames of RFC 6455 that the load sends, and how it measures those that it receives."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from walkwire.load import frame


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_frame_is_measured_when_it_is_complete(size: int) -> None:
    data = Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)
    assert frame.measure(data, 0) == (len(data) - size, len(data))
    assert frame.measure(data[:-1], 0) is None


def test_each_frame_of_several_is_measured_from_its_own_place() -> None:
    first, second = (Frame(Opcode.TEXT, payload).serialize(mask=False) for payload in (b"one", b"three"))
    found = frame.measure(first + second, len(first))
    assert found is not None
    assert (first + second)[slice(*found)] == b"three"


def test_nothing_is_measured_where_not_even_the_length_has_arrived() -> None:
    assert frame.measure(b"", 0) is None
    assert frame.measure(Frame(Opcode.TEXT, b"x" * 300).serialize(mask=False)[:3], 0) is None


def test_frames_of_a_client_are_masked() -> None:
    assert frame.text(b"hello")[1] & 0x80
    assert frame.text(b"hello")[0] & 0x0F == frame.TEXT
    assert frame.pong(b"hello")[1] & 0x80
