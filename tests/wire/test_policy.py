"""Who may, and what may not be said."""

from __future__ import annotations

import pytest

from walkwire.errors import Refused
from walkwire.wire.policy import Policy, may, require, require_plain_data


@pytest.mark.parametrize(
    ("policy", "public", "user"),
    [("all", True, True), ("authenticated", False, True), ("none", False, False)],
)
def test_a_policy_lets_in_whom_it_names(policy: Policy, public: bool, user: bool) -> None:
    assert (may(policy, is_authenticated=False), may(policy, is_authenticated=True)) == (public, user)


def test_a_refusal_says_what_would_help() -> None:
    with pytest.raises(Refused, match="signed in to join a channel"):
        require("authenticated", False, "join a channel")
    with pytest.raises(Refused, match="Clients may not join a channel here"):
        require("none", True, "join a channel")
    require("authenticated", True, "join a channel")


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"connection"}',
        b'{"type": "reply"}',
        b'{"type":"walker","x":1}',
        b'{"type":"x","type":"error"}',
        b'{"type":"\\u0063onnection"}',
        b'{"\\u0074ype":"connection"}',
        b'{"error":null}',
        b'{"a":1,"error":{}}',
        b'{"status":200,"reports":[]}',
    ],
)
def test_the_servers_own_words_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        require_plain_data(data)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b'{"type":"chat"}',
        b'{"type":null}',
        b'{"type":["connection"]}',
        b'{"type":"connections"}',
        b'{"status":1}',
        b'{"reports":[]}',
        b'{"data":{"type":"connection","error":1}}',
    ],
)
def test_all_else_may_be_said(data: bytes) -> None:
    require_plain_data(data)
