"""Authorize: the decorator by which a function or a walker of a program decides who may join and send in channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from walkwire.walk.registry import ChannelRule, enrol_rule

Decider = TypeVar("Decider", bound=Callable[..., object])


class ChannelCaller(NamedTuple):
    """Whose client wants to join or send: the id of the root (24 hex digits), and whether the user has signed in."""

    root_id: str
    is_authenticated: bool


def authorize(pattern: str, *, seconds: float = 0) -> Callable[[Decider], Decider]:
    """Let a function or a walker decide who may join, and send in, the channels that match `pattern`.

    - pattern: `*`, `?` and `[…]` as in file names; `{root_id}` stands for the id of a root
    - seconds: how long the server may use an answer again for the same user, deed and channel

    A function is called with a `ChannelCaller`, the deed ("join" or "send") and the channel id, outside of a walk. It may block,
    or be async. A walker runs from the caller's root; its fields `deed` and `channel_id` are set if it has them, and it allows
    the deed by `report(True)`. Anything but True refuses.

    Raises ValueError for a negative time.
    """
    if not seconds >= 0:
        raise ValueError(f"seconds is 0 or more, not {seconds!r}")

    def register(decider: Decider) -> Decider:
        enrol_rule(ChannelRule(pattern, decider, seconds))
        return decider

    return register
