"""Channel: one channel as the application sees it: its notifications, its history, and who is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from walkwire.client.emitter import Emitter
from walkwire.client.events import (
    ChannelPresence,
    HistoryPage,
    MembersPage,
    PresenceChange,
    PresentUser,
    Recovered,
    Resync,
    StreamKind,
    StreamMessage,
)
from walkwire.client.inbox import BUFFER, Feed, Inbox

PresenceKind = Literal["list", "count"]


class EventCaller(Protocol):
    """Sends an event and returns `data` of the reply."""

    async def call(self, event: Mapping[str, Any], *, may_resend: bool = True) -> Any:
        """Raise ClientError if it fails."""


class ClientChannel:
    """A channel that the client has joined, or will with its next connection. Made by `client.channel(id)`.

    `async for message in channel` reads the notifications from now on. Handlers, each called with one argument:

    - on_message: with each `StreamMessage`
    - on_presence: with each `PresenceChange`, if presence was asked for
    - on_recovered, on_resync: with `Recovered` and `Resync`: is something missing?
    """

    def __init__(
        self,
        id: str,
        caller: EventCaller,
        leave: Callable[[ClientChannel], object],
        *,
        rewind: int | None,
        presence: PresenceKind | None,
        token: str | None,
    ) -> None:
        self.id = id
        self.presence = ChannelPresence(0, {})
        self.on_presence: Emitter[PresenceChange] = Emitter()
        self.on_recovered: Emitter[Recovered] = Emitter()
        self.on_resync: Emitter[Resync] = Emitter()
        self._feed = Feed()
        self.on_message = self._feed.on_message
        self._caller = caller
        self._leave = leave
        self._rewind = rewind
        self._presence = presence
        self._token = token
        self._position: str | None = None
        self._is_asked = False  # is it in the last `connect`, or in a `join` since?
        self._is_in = False  # has it answered that the client is in the channel?

    def messages(self, buffer: int = BUFFER) -> Inbox:
        """Return the notifications from now on, for an `async for` that ends when the channel is left or the client is closed.

        It raises ClientError if the client was closed by an error, and `too_slow` if more than `buffer` messages are unread.
        """
        return self._feed.read(buffer)

    def __aiter__(self) -> Inbox:
        return self.messages()

    async def send(self, data: Mapping[str, Any], *, resend: bool = True) -> None:
        """Send to all members. Returns when the server has acknowledged.

        If the connection breaks before that, the notification is sent again and may reach its receivers twice. With `resend`
        false the call fails with `in_doubt` instead. Raises ClientError.
        """
        await self._caller.call(
            {"type": "channel", "channel_ids": [self.id], "data": data}, may_resend=resend
        )

    async def history(
        self, *, before: str | None = None, after: str | None = None, limit: int | None = None
    ) -> HistoryPage:
        """Read a page of what is kept: the last `before` a position, the first `after` one, or the newest. Raises ClientError."""
        return await read_history(self._caller, self.id, before, after, limit)

    async def members(self, *, after: str | None = None, limit: int | None = None) -> MembersPage:
        """Read a page of who is here, behind the root id `after`, for channels of more than 1,000 users. Raises ClientError."""
        event = {"type": "presence", "channel_id": self.id, "after": after, "limit": limit}
        page = await self._caller.call(event)
        return MembersPage(_users(page["users"]), page["count"], page["has_more"])

    def leave(self) -> None:
        """Leave, and forget the position. `client.channel(id)` joins anew."""
        self._leave(self)
        self._feed.end(None)

    # The rest is for the conversation.

    def _ask_presence(self, presence: PresenceKind | None) -> None:
        """Only presence can be asked for later."""
        if presence and not self._presence:
            self._presence = presence
            self._is_asked = False

    def _asked(self) -> dict[str, Any]:
        """Return the channel as it is in `connect` and `join`. `rewind` is for the first time only."""
        self._is_asked = True
        asked = {
            "channel_id": self.id,
            "at": self._position,
            "rewind": self._rewind if self._position is None else None,
            "presence": self._presence,
            "token": self._token,
        }
        return {key: value for key, value in asked.items() if value is not None}

    def _placed(self, place: Mapping[str, Any], is_same_stay: bool) -> Recovered | None:
        """Take a place in the reply to an event. Returns what the application was told, if anything."""
        after = self._position
        self._is_in = place.get("reason") != "forbidden"
        if place["recovered"] is False or not is_same_stay or after is None:
            self._position = place.get("at")
        event = recovered_of("channel", place, is_same_stay, after, self.id)
        if event:
            self.on_recovered.tell(event)
        if presence := place.get("presence"):
            self._changed(presence)
        return event

    def _heard(self, message: StreamMessage) -> None:
        self._feed.tell(message)
        self._position = message.at  # it counts as heard only after the handlers were called

    def _lost(self, event: Resync, at: str) -> None:
        self._position = at
        self.on_resync.tell(event)

    def _changed(self, frame: Mapping[str, Any]) -> None:
        """Either the whole list (`users`) has come, or who has come and gone, or only a count."""
        joined, left = _users(frame.get("joined", ())), _users(frame.get("left", ()))
        members = dict(self.presence.members) if "joined" in frame else {}
        for user in left:
            members.pop(user.root_id, None)
        members |= {user.root_id: user.info for user in [*_users(frame.get("users", ())), *joined]}
        self.presence = ChannelPresence(frame["count"], members)
        self.on_presence.tell(PresenceChange(frame["count"], members, joined, left))


async def read_history(
    caller: EventCaller, id: str, before: str | None, after: str | None, limit: int | None
) -> HistoryPage:
    """Read a page of a channel's history. Raises ClientError."""
    event = {"type": "history", "channel_id": id, "before": before, "after": after, "limit": limit}
    page = await caller.call(event)
    return HistoryPage([StreamMessage(one["data"], one["at"]) for one in page["messages"]], page["has_more"])


def recovered_of(
    stream: StreamKind,
    place: Mapping[str, Any],
    is_same_stay: bool,
    after: str | None,
    channel: str | None = None,
) -> Recovered | None:
    """Return what the application is told about a place in a stream, or None.

    On the same connection it is not told that nothing was missed.
    """
    recovered = place["recovered"]
    if recovered is None or (recovered and is_same_stay):
        return None
    if recovered:
        return Recovered(stream, channel, True)
    return Recovered(stream, channel, False, place.get("reason", "reset"), after)


def _users(users: Any) -> list[PresentUser]:
    return [PresentUser(user["root_id"], user["info"]) for user in users]
