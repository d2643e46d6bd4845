"""Conversation: what is said over all connections of a client: its session, and its positions in streams and channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from walkwire.client.channel import ClientChannel, PresenceKind, recovered_of
from walkwire.client.clock import ClientClock
from walkwire.client.emitter import Emitter
from walkwire.client.error import ClientError, error_of
from walkwire.client.events import Recovered, Resync, State, StreamMessage
from walkwire.client.inbox import Feed
from walkwire.client.link import Frame
from walkwire.client.outbox import Asker, Outbox, encode


class Conversation:
    """What the dialer tells arrives here. `renew` is called when the token is about to expire."""

    def __init__(
        self,
        clock: ClientClock,
        outbox: Outbox,
        info: Mapping[str, Any] | None,
    ) -> None:
        self.renew: Callable[[], object] = lambda: None
        self.client_id: str | None = None
        self.root_id: str | None = None
        self.channels: dict[str, ClientChannel] = {}
        self.feeds: dict[str, Feed] = {"user": Feed(), "client": Feed()}
        self.on_state: Emitter[tuple[State, ClientError | None]] = Emitter()
        self.on_recovered: Emitter[Recovered] = Emitter()
        self.on_resync: Emitter[Resync] = Emitter()
        self.on_joined: Emitter[ClientChannel] = Emitter()
        self.on_left: Emitter[ClientChannel] = Emitter()
        self._clock = clock
        self._outbox = outbox
        self._info = info
        self._info_before = info
        self._session: str | None = None
        self._at: dict[str, str] = {}  # the last positions in the streams `user` and `client`
        self._link: Asker | None = None  # while connected
        self._left: list[str] = []  # channels that were left between `connect` and its reply
        self._is_changing = False
        self._renewal: _Renewal | None = None
        self._is_closed = False
        self._ending: ClientError | None = None  # why it is closed, if the application did not close it

    def channel(
        self, id: str, rewind: int | None, presence: PresenceKind | None, token: str | None
    ) -> ClientChannel:
        """Return the channel, and join it if it is new."""
        channel = self._channel_of(id, rewind, presence, token)
        channel._ask_presence(presence)
        self._join_all()
        return channel

    # What the dialer calls.

    def introduction(self) -> Mapping[str, Any]:
        """Return what `connect` says beside the token."""
        at = {stream: at for stream, at in self._at.items() if not (self._is_changing and stream == "user")}
        channels = [channel._asked() for channel in self.channels.values()]
        return {"session": self._session, "at": at or None, "channels": channels or None, "info": self._info}

    def welcome(self, welcome: Frame, is_same_stay: bool) -> None:
        """Take the reply to `connect` or `change_user`."""
        if self.root_id not in (None, welcome["root_id"]):
            self._outbox.user_changed()
        self.client_id, self.root_id = welcome["client_id"], welcome["root_id"]
        self._session = welcome["session"]
        if self._is_changing:
            self._at.pop("user", None)
        self._is_changing = False
        if self._renewal:
            self._renewal.is_answered = True
        streams = welcome["streams"]
        self._placed("user", streams["user"], is_same_stay)
        self._placed("client", streams["client"], is_same_stay)
        for id, place in streams["channels"].items():
            if channel := self.channels.get(id):
                self._place(channel, place, is_same_stay)
            else:
                self._left.append(id)

    def opened(self, link: Asker) -> None:
        """The connection may be used."""
        self._link = link
        for id in self._left:
            self._say_leave(id)
        self._left = []
        self._outbox.open(link)
        self._join_all()

    def heard(self, frame: Frame) -> None:
        """Take a frame that is no reply. Those that nobody knows are ignored."""
        kind = frame.get("type")
        channel = self.channels.get(frame.get("channel_id", ""))
        if channel and not channel._is_in:
            channel = None  # the frame is of a stay before
        if kind == "channel" and channel:
            channel._heard(StreamMessage(frame["data"], frame["at"]))
        elif kind in ("user", "client"):
            if kind == "client" or not self._is_repeated(frame["at"]):
                self.feeds[kind].tell(StreamMessage(frame["data"], frame["at"]))
            self._at[kind] = frame["at"]  # it counts as heard only after the handlers were called
        elif kind == "resync":
            self._lost(frame, channel)
        elif kind == "joined":
            self._is_put_into(self._channel_of(frame["channel_id"]), frame["at"])
        elif kind == "left" and channel:
            self._is_taken_out_of(channel, frame.get("reason"))
        elif kind == "session":
            self._session = frame["session"]
        elif kind == "presence" and channel:
            channel._changed(frame)
        elif kind == "expiring":
            self.renew()

    def dropped(self) -> None:
        """The connection is gone."""
        self._link = self._renewal = None
        for channel in self.channels.values():
            channel._is_in = False
        self._outbox.shut()

    def changing(self, info: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Another user is asked for. Return what `change_user` says beside the token."""
        self._info_before, self._info = self._info, info
        self._is_changing = True
        return {"info": info}

    def unchanged(self) -> None:
        """The other user was refused."""
        self._info = self._info_before
        self._is_changing = False

    def renewing(self) -> Mapping[str, Any]:
        """A newer token of the same user is shown. Return what `change_user` says beside it."""
        self._renewal = _Renewal()
        return {"at": {"user": self._at["user"]}}

    def closed(self, error: ClientError) -> None:
        """The client is closed for good."""
        self._outbox.fail(error)
        self._is_closed = True
        self._ending = None if error.code == "closed" else error
        for feed in [*self.feeds.values(), *(channel._feed for channel in self.channels.values())]:
            feed.end(self._ending)

    def changed(self, state: State, error: ClientError | None) -> None:
        """The state is another."""
        self.on_state.tell((state, error))

    def _channel_of(
        self,
        id: str,
        rewind: int | None = None,
        presence: PresenceKind | None = None,
        token: str | None = None,
    ) -> ClientChannel:
        channel = self.channels.get(id)
        if channel is None:
            channel = ClientChannel(
                id, self._outbox, self._leave, rewind=rewind, presence=presence, token=token
            )
            self.channels[id] = channel
            if self._is_closed:
                channel._feed.end(self._ending)
        return channel

    def _is_put_into(self, channel: ClientChannel, at: str) -> None:
        channel._is_asked = True
        channel._placed({"at": at, "recovered": None}, False)
        self.on_joined.tell(channel)

    def _is_taken_out_of(self, channel: ClientChannel, reason: str | None) -> None:
        if reason is not None:  # it is let in again by itself if it may be there again
            self._place(channel, {"recovered": False, "reason": reason}, False)
            return
        del self.channels[channel.id]
        channel._feed.end(None)
        self.on_left.tell(channel)

    def _placed(
        self, stream: Literal["user", "client"], place: Mapping[str, Any], is_same_stay: bool
    ) -> None:
        after = self._at.get(stream)
        if after is None or not is_same_stay or place["recovered"] is False:
            self._at[stream] = place["at"]
        if event := recovered_of(stream, place, is_same_stay, after):
            self.on_recovered.tell(event)

    def _place(self, channel: ClientChannel, place: Mapping[str, Any], is_same_stay: bool) -> None:
        if event := channel._placed(place, is_same_stay):
            self.on_recovered.tell(event)

    def _lost(self, frame: Frame, channel: ClientChannel | None) -> None:
        stream, at = frame["stream"], frame["at"]
        if stream == "channel" and not channel:
            return
        event = Resync(stream, channel.id if channel else None, frame["reason"])
        if channel:
            channel._lost(event, at)
        else:
            self._at[stream] = at
        self.on_resync.tell(event)

    def _is_repeated(self, at: str) -> bool:
        """After a renewal, notifications to the user that were heard before its reply may follow it once more."""
        if not self._renewal:
            return False
        if not self._renewal.is_answered:
            self._renewal.heard.add(at)
        elif at in self._renewal.heard:
            return True
        else:
            self._renewal = None
        return False

    def _join_all(self) -> None:
        for channel in self.channels.values():
            if self._link and not channel._is_asked:
                self._join(channel, self._link)

    def _join(self, channel: ClientChannel, link: Asker) -> None:
        def is_over() -> bool:
            return self._link is not link or self.channels.get(channel.id) is not channel

        def again() -> None:
            if not is_over():
                self._join(channel, link)

        def answered(reply: Frame) -> None:
            if is_over():
                return
            if reply["ok"]:
                return self._place(channel, reply["data"]["channels"][channel.id], channel._is_in)
            error = error_of(reply)
            if error.code == "busy" or error.retry_in is not None:
                self._clock.after((error.retry_in or 0) + self._clock.random() * 1000, again)
            else:
                reason = "forbidden" if error.code == "refused" else error.code
                self._place(channel, {"recovered": False, "reason": reason}, False)

        link.ask(encode({"type": "join", "channels": [channel._asked()]}), answered)

    def _leave(self, channel: ClientChannel) -> None:
        if self.channels.get(channel.id) is channel:
            del self.channels[channel.id]
            self._say_leave(channel.id)

    def _say_leave(self, id: str) -> None:
        if self._link:
            self._link.ask(encode({"type": "leave", "channel_ids": [id]}), lambda _: None)


class _Renewal:
    """A newer token of the same user has been shown: what was heard of the user's stream since."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.is_answered = False
