"""Attendance: hears which clients come, go, join and leave, for presence and for the walkers that run on these occasions.

The hub has none while no channel is tracked and no walker runs `on` anything, so clients cost nothing then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from walkwire.wire.delivery.client import Client

Occasion = Literal["connect", "disconnect", "join", "leave"]


class Happening(NamedTuple):
    """What a client has done.

    - root_id: its user then
    - channel_id: for `join` and `leave`; "" for the others
    - info: for `connect` and `join`: what it gave at `connect`, JSON; empty: nothing
    - address: what it is counted by, beside its user
    """

    occasion: Occasion
    root_id: str
    client_id: str
    channel_id: str = ""
    info: bytes = b""
    address: str = ""


OnHappening = Callable[[Happening], None]


class Tracking(Protocol):
    """Tracks the clients in channels: `Presence` implements it."""

    def joined(self, channel_id: str, client: Client) -> None:
        """Take that a client is in a channel."""

    def left(self, channel_id: str, client: Client, is_gone: bool = False) -> None:
        """Take that it is there no longer. `is_gone`: because its connection was lost."""

    def forget(self, client: Client) -> None:
        """Take that it is no longer its user."""


class Attendance:
    """What the hub and its channels tell of clients. `tell`: called with each happening; None: nobody asks."""

    def __init__(self, presence: Tracking, tell: OnHappening | None = None) -> None:
        self._presence = presence
        self._tell = tell
        self._changing: Client | None = None  # is another user's now

    def connected(self, client: Client) -> None:
        """Take that a client has come, or has become this user's."""
        self._happen("connect", client)

    def disconnected(self, client: Client) -> None:
        """Take that a client has gone."""
        self._happen("disconnect", client)

    def joined(self, channel_id: str, client: Client) -> None:
        """Take that a client hears a channel."""
        self._presence.joined(channel_id, client)
        self._happen("join", client, channel_id)

    def left(self, channel_id: str, client: Client, is_gone: bool = False) -> None:
        """Take that a client hears a channel no longer. `is_gone`: because its connection was lost."""
        self._presence.left(channel_id, client, is_gone)
        if client is not self._changing:
            self._happen("leave", client, channel_id)

    def forget(self, client: Client) -> None:
        """Take that a client that has gone is not coming back as this user."""
        self._presence.forget(client)

    def begin_change(self, client: Client) -> None:
        """Take that a client is about to become another user's."""
        self._presence.forget(client)
        if self._tell is not None:
            for channel_id in client.channels - client.refused:
                self._happen("leave", client, channel_id)
            self._happen("disconnect", client)
        self._changing = client

    def end_change(self, client: Client, stayed: frozenset[str]) -> None:
        """Take that a client is another user's. It has stayed in some channels, if it still hears them."""
        self._changing = None
        for channel_id in stayed & (client.channels - client.refused):
            self.joined(channel_id, client)

    def _happen(self, occasion: Occasion, client: Client, channel_id: str = "") -> None:
        if self._tell is not None:
            session = client.session if occasion in ("connect", "join") else None
            info = b"" if session is None else session.given
            self._tell(Happening(occasion, client.root_id, client.id, channel_id, info, client.address))
