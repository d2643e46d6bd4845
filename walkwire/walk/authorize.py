"""Authorize: the decorators by which functions and walkers of a program decide who may join and send in channels, and what others
see of a user there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from walkwire.walk.registry import ChannelRule, enrol_presence_info, enrol_rule

Decider = TypeVar("Decider", bound=Callable[..., object])


class ChannelCaller(NamedTuple):
    """Whose client wants to join or send: the id of the root (24 hex digits), and whether the user has signed in."""

    root_id: str
    is_authenticated: bool


def presence_info(maker: Decider) -> Decider:
    """Let a function or a walker make the `info` that presence lists show of a user. A program has one.

    It is asked when a client of version 2 connects or changes its user. A function is called with a `ChannelCaller` and the
    `info` that the client gave, a dictionary; it may block, or be async. A walker runs from the caller's root; its field `info`
    is set if it has one. What the function returns, or the walker reports last, is shown: a dictionary of at most 1 KiB as JSON.
    Anything else, and an error, shows nothing.
    """
    enrol_presence_info(maker)
    return maker


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
