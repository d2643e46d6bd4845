"""Policy: who may send, who may join, and what a client may not make others believe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from walkwire.errors import Refused

Policy = Literal["all", "authenticated", "none"]

_WORDS_OF_THE_SERVER = frozenset({"connection", "reply", "walker", "error"})


@dataclass(frozen=True, slots=True)
class Policies:
    """Who may send `user`, `channel` and `client` events, and who may join a channel.

    With `is_guarded` (production) no event may reach the public user, nor carry `data` that could be taken for the server's
    own word.
    """

    user: Policy = "all"
    channel: Policy = "all"
    client: Policy = "all"
    join: Policy = "all"
    is_guarded: bool = False


def may(policy: Policy, is_authenticated: bool) -> bool:
    """Does the policy let this one?"""
    return policy == "all" or (policy == "authenticated" and is_authenticated)


def ask(policy: Policy, is_authenticated: bool, deed: str) -> None:
    """Raises Refused where the policy does not let this one. `deed` is what was asked for: "send channel events"."""
    if may(policy, is_authenticated):
        return
    if policy == "authenticated":
        raise Refused(f"One has to be signed in to {deed}.")
    raise Refused(f"Clients may not {deed} here.")


def ask_to_say(data: bytes) -> None:
    """Raises Refused where `data`, a JSON object, could be taken for a frame of the server's own."""
    words = _words.decode(data)
    if words.error != _ABSENT or _ABSENT not in (words.status, words.reports):
        raise Refused("This data could be taken for the server's own word.")
    kind = msgspec.json.decode(words.type) if bytes(words.type).startswith(b'"') else None
    if kind in _WORDS_OF_THE_SERVER:
        raise Refused(f"The type {kind!r} is the server's own word.")


_ABSENT = Raw(b"")


class _Words(Struct, gc=False):
    type: Raw = _ABSENT
    status: Raw = _ABSENT
    reports: Raw = _ABSENT
    error: Raw = _ABSENT


_words = msgspec.json.Decoder(_Words)
