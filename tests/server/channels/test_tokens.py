"""Channel tokens: for one channel, one user and some time. Nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walkwire.ids import CHANNEL_LENGTH
from walkwire.server.channels.tokens import LONGEST, ChannelTokens

ROOT = "a" * 24


def test_a_token_holds_for_its_channel_until_its_end() -> None:
    now = 1000.0
    tokens = ChannelTokens(b"s" * 32, lambda: now)
    token = tokens.make("room:1", ROOT, 60)
    assert tokens.root_of("room:1", token) == ROOT
    assert tokens.root_of("room:2", token) is None
    assert ChannelTokens(b"x" * 32, lambda: now).root_of("room:1", token) is None
    now = 1059.9
    assert tokens.root_of("room:1", token) == ROOT
    now = 1060
    assert tokens.root_of("room:1", token) is None


@pytest.mark.parametrize("channel_id", ["é", "a\ud800b", "\U0001f600" * CHANNEL_LENGTH, "a.b", ""])
def test_any_channel_id_has_tokens(channel_id: str) -> None:
    tokens = ChannelTokens(b"s" * 32)
    token = tokens.make(channel_id, ROOT, 60)
    assert len(token) <= LONGEST
    assert tokens.root_of(channel_id, token) == ROOT


@given(st.text(), st.integers(0, 10_000))
def test_no_other_text_is_a_token(text: str, place: int) -> None:
    tokens = ChannelTokens(b"s" * 32)
    good = tokens.make("room:1", ROOT, 60)
    place %= len(good)
    for token in (text, good[:place] + text + good[place + 1 :]):
        if token != good:
            assert tokens.root_of("room:1", token) is None
