"""Session tokens: what they prove, and for how long."""

from __future__ import annotations

import pytest

from walkwire.ids import ServerIds
from walkwire.server.streams.sessions import SignedSessions
from walkwire.wire.door import Claims

CLAIMS = Claims(ServerIds().new_session(), "a" * 24)


def test_a_token_is_read_by_every_server_with_the_same_secret() -> None:
    token = SignedSessions(b"secret").make(CLAIMS, 10)
    assert SignedSessions(b"secret").read(token) == CLAIMS
    assert SignedSessions(b"another").read(token) is None


def test_a_token_ends() -> None:
    now = 1000.0
    sessions = SignedSessions(b"secret", clock=lambda: now)
    token = sessions.make(CLAIMS, 10)
    now = 1009
    assert sessions.read(token) == CLAIMS
    now = 1010
    assert sessions.read(token) is None


def test_an_id_of_version_1_is_no_session() -> None:
    sessions = SignedSessions(b"secret")
    assert sessions.read(sessions.make(Claims(ServerIds().new(), "a" * 24), 10)) is None


@pytest.mark.parametrize("token", ["", ".", "a.b", "é.b", "a" * 10_000, "a" * 1000 + ".b", "[].x"])
def test_any_other_text_proves_nothing(token: str) -> None:
    assert SignedSessions(b"secret").read(token) is None
