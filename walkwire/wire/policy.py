"""Policy: which clients may send and join, and which data they may send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from walkwire.errors import Refused

Policy = Literal["all", "authenticated", "none"]

_TYPES_OF_THE_SERVER = frozenset({"connection", "reply", "walker", "error"})


@dataclass(frozen=True, slots=True)
class Policies:
    """Which clients may send `user`, `channel` and `client` events, and which may join a channel.

    - is_guarded: set in production: no client's event may reach the public user, or carry `data` that looks like a frame of the
      server itself
    - wraps: whether receivers of a client's event are told who sent it (`frame.client_event`)
    """

    user: Policy = "all"
    channel: Policy = "all"
    client: Policy = "all"
    join: Policy = "all"
    is_guarded: bool = False
    wraps: bool = False


def may(policy: Policy, is_authenticated: bool) -> bool:
    """Return whether the policy allows it."""
    return policy == "all" or (policy == "authenticated" and is_authenticated)


def require(policy: Policy, is_authenticated: bool, deed: str) -> None:
    """Raise Refused unless the policy allows it. `deed` completes the sentence: "send channel events"."""
    if may(policy, is_authenticated):
        return
    if policy == "authenticated":
        raise Refused(f"One has to be signed in to {deed}.")
    raise Refused(f"Clients may not {deed} here.")


def require_plain_data(data: bytes) -> None:
    """Raise Refused if a client could take `data`, a JSON object, for a frame of the server itself."""
    words = _words.decode(data)
    if words.error != _ABSENT or _ABSENT not in (words.status, words.reports):
        raise Refused("This data could be taken for the server's own word.")
    kind = msgspec.json.decode(words.type) if bytes(words.type).startswith(b'"') else None
    if kind in _TYPES_OF_THE_SERVER:
        raise Refused(f"The type {kind!r} is the server's own word.")


_ABSENT = Raw(b"")


class _Words(Struct, gc=False):
    type: Raw = _ABSENT
    status: Raw = _ABSENT
    reports: Raw = _ABSENT
    error: Raw = _ABSENT


_words = msgspec.json.Decoder(_Words)
