"""A client, and the transports that stand in for its own."""

from __future__ import annotations

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.client import GONE, Client, Hold


def test_a_client_is_authenticated_when_its_root_is_not_the_public_one() -> None:
    client = Client("1:x", PUBLIC_ROOT, "lobby", False, GONE)
    assert not client.is_authenticated
    client.root_id = "a" * 24
    assert client.is_authenticated
    assert client.channels == {"lobby"}


def test_what_is_held_counts_as_unsent() -> None:
    held = Hold(GONE)
    held.write(b"123")
    held.write(b"45")
    assert (held.unsent(), held.kept) == (5, [b"123", b"45"])


def test_what_is_said_to_one_that_has_gone_is_nothing() -> None:
    GONE.write(b"1")
    GONE.close(1001, "")
    GONE.abort()
    GONE.pause()
    GONE.resume()
    assert GONE.unsent() == 0
