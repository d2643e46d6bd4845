"""Connection: the conversation with one client of version 2. Its session outlives it.

While a client connects, joins channels or changes its user, nothing of the streams that it is entering is written. When it is
known what it missed, the reply is written, then what it missed, then what came meanwhile.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from walkwire.errors import BadEvent, Limited, PublicError, Refused, Unreached
from walkwire.ids import PUBLIC_ROOT, TRACEPARENT, parse_root
from walkwire.wire.connection import Connection
from walkwire.wire.delivery.client import GONE, Client, Transport
from walkwire.wire.delivery.session import ClientSession
from walkwire.wire.door import NOBODY, Claims, Door, SignIn
from walkwire.wire.limits import SESSION_TOKENS
from walkwire.wire.message import frame
from walkwire.wire.message.close import NOT_CONNECTED, UNREACHED
from walkwire.wire.message.event import BaseEvent, Event, Unreadable, WalkerEvent
from walkwire.wire.message.handler import HANDLERS, Work, handles
from walkwire.wire.message.lenient import Id
from walkwire.wire.message.notification import Kind
from walkwire.wire.rates import SIGN_IN
from walkwire.wire.sessions import frames
from walkwire.wire.sessions.events import (
    EVENTS_2,
    INFO_BYTES,
    TRACED,
    ChangeStreamsEvent,
    ConnectEvent,
    HistoryEvent,
    JoinStreamsEvent,
    PingEvent,
    Positions,
    PresenceEvent,
    Wish,
)
from walkwire.wire.streams.recovery import FORBIDDEN, Recovery
from walkwire.wire.streams.stream import Stream

Found = list[tuple[Stream, Recovery]]


class SessionConnection(Connection):
    """The server's side of one socket of version 2."""

    __slots__ = ("_is_connected", "_timer", "_token")

    def __init__(self, door: Door, transport: Transport, address: str = "", notice: int = 0) -> None:
        client = Client(door.ids.new_session(), PUBLIC_ROOT, "", False, transport, address)
        client.channels = set()
        client.session = ClientSession()
        self._prepare(door, client, notice)
        self._is_connected = False
        self._token: str | None = None
        self._timer: TimerHandle | None = None

    def open(self, token: str | None = None) -> None:
        """Wait for the first event. `token` counts if that has none."""
        self._token = token
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._door.limits.connect_seconds, self._expire_connect)

    def lost(self) -> None:
        """Remove the client; see `Paced.lost`."""
        TRACEPARENT.set(None)
        self._end_waiting()
        self._door.renewals.cancel(self)
        super().lost()

    def renew(self) -> None:
        """Send a newer session token."""
        if self.client.transport is not GONE:
            self._say(frame.session(self._session_token()))
            self._door.renewals.restart(self)

    def _expire_connect(self) -> None:
        self._timer = None
        if not self._is_connected:
            self.close(NOT_CONNECTED)

    def _end_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _decode(self, payload: bytes) -> Event:
        event = EVENTS_2.decode(payload)
        TRACEPARENT.set(getattr(event, "traceparent", None))  # until the next event
        if self._is_connected or isinstance(event, _FIRST):
            return event
        return Unreadable(Refused("The first event is connect."), event.id)

    @contextmanager
    def _arriving(self) -> Iterator[None]:
        """Keep back what comes on streams that the client joins meanwhile, until they begin."""
        session = self.client.session
        assert session is not None
        session.is_arriving = True
        try:
            yield
        finally:
            session.is_arriving = False
            if self.client.transport is not GONE and self._is_connected:
                self._door.hub.streams.begin_all(self.client)

    @handles(ConnectEvent)
    def _connect(self, event: ConnectEvent) -> Work | None:
        if self._is_connected:
            raise Refused("This connection is connected already.")
        info = _info_of(event)  # looked at before anything is done
        self.charge(SIGN_IN, joins=len(event.channels))
        self._door.hub.membership.require_few({wish.channel_id for wish in event.channels})
        self.pause_if_frames_may_grow()
        return self._answered(event, self._connect_as(event, info))

    async def _connect_as(self, event: ConnectEvent, info: bytes) -> None:
        client, hub = self.client, self._door.hub
        who = await self._sign_in(event.token or self._token, event.expiring)
        closing = self._door.connections.closing or self._door.connections.refusal(who.root_id)
        if closing is not None:
            self.close(closing)
        if client.transport is GONE:
            return
        self._give(info)
        claims = self._claims(event.session)
        is_resumed = claims is not None and claims.root_id == who.root_id
        assert client.session is not None
        client.session.begin(is_resumed)
        if claims is not None and is_resumed:
            hub.take_over(claims.client_id)
            client.id = claims.client_id
        wishes = {wish.channel_id: wish for wish in event.channels}
        tokens = {name: wish.token for name, wish in wishes.items() if wish.token is not None}
        client.channels = set(wishes)
        with self._arriving():
            waiting = hub.enter(client, *who, tokens)
            try:
                if waiting is not None:
                    await waiting
                await self._describe()
                found = await self._find(event.at, wishes.values())
                await self._prepare_presence(wishes.values())
                if is_resumed and client.transport is not GONE:
                    hub.announce(client)
            except BaseException:
                hub.withdraw(client)
                client.channels = set()
                client.id = self._door.ids.new_session()
                raise
            if client.transport is GONE:
                return
            self._is_connected = client.session.is_welcome = True
            self._end_waiting()
            self._welcome(event.id, found, wishes)
        self._door.renewals.start(self)

    @handles(ChangeStreamsEvent)
    def _change(self, event: ChangeStreamsEvent) -> Work | None:
        info = _info_of(event)
        self.charge(SIGN_IN)
        self.pause_if_frames_may_grow()
        return self._answered(event, self._change_to(event, info))

    async def _change_to(self, event: ChangeStreamsEvent, info: bytes) -> None:
        client = self.client
        who = await self._sign_in(event.token, event.expiring)
        is_other = who.root_id not in (PUBLIC_ROOT, client.root_id)
        if is_other and self._door.connections.refusal(who.root_id) is not None:
            raise Limited("This user has too many connections.")
        if info or who.root_id != client.root_id:
            self._give(info)
        before = client.channels - client.refused
        with self._arriving():
            waiting = self._door.hub.change(client, *who)
            if waiting is not None:
                await waiting
            await self._describe()
            wishes = {name: Wish(name) for name in client.channels}
            new = [wish for name, wish in wishes.items() if name not in before]
            try:
                found = await self._find(event.at, new, with_client=False)
            except Unreached:  # it is another user by now, without a place in that user's stream
                self.close(UNREACHED)
                return
            if client.transport is GONE:
                return
            self._welcome(event.id, found, wishes)

    @handles(JoinStreamsEvent)
    def _join_streams(self, event: JoinStreamsEvent) -> Work | None:
        wishes = event.wishes()
        self.charge(joins=len(wishes))
        return self._answered(event, self._join_wishes(event, wishes))

    async def _join_wishes(self, event: JoinStreamsEvent, wishes: list[Wish]) -> None:
        client, hub = self.client, self._door.hub
        names = {wish.channel_id: None for wish in wishes}
        tokens = {wish.channel_id: wish.token for wish in wishes if wish.token is not None}
        before = frozenset(client.channels - client.refused)
        with self._arriving():
            waiting = hub.admit(client, names, tokens)
            try:
                if waiting is not None:
                    await waiting
                found = await self._recover(
                    ("channels", wish.channel_id, wish.at, wish.rewind) for wish in wishes
                )
                await self._prepare_presence(wishes)
            except BaseException:
                for name in names.keys() - before:
                    hub.membership.leave(client, name)
                raise
            if client.transport is GONE:
                return
            told = {stream.name: recovery for stream, recovery in found}
            presence = self._watch(wishes)
            if event.id is not None:
                self._say(frame.reply(event.id, frames.joined(told, presence)))
            self._begin_all(found)

    @handles(HistoryEvent)
    def _history(self, event: HistoryEvent) -> Work | None:
        if event.before is not None and event.after is not None:
            raise BadEvent("A page is before or after a position, not both.")
        self.charge(SIGN_IN)
        return self._answered(event, self._read_history(event))

    async def _read_history(self, event: HistoryEvent) -> None:
        hub = self._door.hub
        await hub.membership.require(self.client, event.channel_id)
        messages, has_more = await hub.streams.page(
            event.channel_id, event.limit, before=event.before, after=event.after
        )
        if event.id is not None:
            self._say(frame.reply(event.id, frames.history(event.channel_id, messages, has_more)))

    @handles(PresenceEvent)
    def _presence(self, event: PresenceEvent) -> Work | None:
        after = "" if event.after is None else parse_root(event.after)
        self.charge(SIGN_IN)
        return self._answered(event, self._read_presence(event, after))

    async def _read_presence(self, event: PresenceEvent, after: str) -> None:
        hub = self._door.hub
        await hub.membership.require(self.client, event.channel_id)
        await hub.presence.prepare((event.channel_id,))
        if event.id is not None:
            page = hub.presence.page(event.channel_id, after, event.limit)
            self._say(frame.reply(event.id, page))

    async def _prepare_presence(self, wishes: Iterable[Wish]) -> None:
        refused = self.client.refused
        asked = [each.channel_id for each in wishes if each.presence and each.channel_id not in refused]
        if asked:
            await self._door.hub.presence.prepare(asked)

    def _watch(self, wishes: Iterable[Wish]) -> dict[str, bytes]:
        """Let the client watch who is in the channels for which it wants that. Return who is there, for its reply."""
        client, presence = self.client, self._door.hub.presence
        heard = client.channels - client.refused
        return {
            each.channel_id: presence.watch(client, each.channel_id, each.presence)
            for each in wishes
            if each.presence is not None and each.channel_id in heard
        }

    @handles(PingEvent)
    def _ping(self, event: PingEvent) -> None:
        if event.id is not None:
            self._say(frame.reply(event.id, frames.pong()))

    async def _answered(self, event: BaseEvent, work: Coroutine[Any, Any, None]) -> None:
        """Do something that may take a while. What it raises is told to the client."""
        try:
            await work
        except Exception as error:
            self._fail(event, error)

    async def _sign_in(self, token: str | None, notice: int) -> SignIn:
        """Return who the bearer of a token is. Raises PublicError if it is not valid."""
        if not token:
            return NOBODY
        who = await self._door.identify(token, notice or self._notice)
        if who.root_id == PUBLIC_ROOT:
            raise PublicError("unauthenticated", "This token is not valid, or no longer.", 401)
        return who

    def _give(self, info: bytes) -> None:
        """Show others this of the client, or nothing until the program has decided."""
        session = self.client.session
        assert session is not None
        session.given = info
        session.info = info if self._door.describe is None else b""

    async def _describe(self) -> None:
        """Let the program decide what others see of the client as this user. Called when it is in the hub."""
        client, session, describe = self.client, self.client.session, self._door.describe
        if describe is not None and session is not None:
            root_id = client.root_id
            info = await describe(root_id, client.address, session.given)
            if client.root_id == root_id:
                session.info = info
                self._door.hub.presence.refresh(client)

    def _claims(self, token: str | None) -> Claims | None:
        sessions = self._door.sessions
        return None if not token or sessions is None else sessions.read(token)

    async def _find(self, at: Positions, wishes: Iterable[Wish], with_client: bool = True) -> Found:
        """Return what the client gets of its own streams, and of those channels in which it may be."""
        client = self.client
        wanted: list[tuple[Kind, str, str | None, int]] = [("users", client.root_id, at.user, 0)]
        if with_client:
            wanted.append(("clients", client.id, at.client, 0))
        wanted += [
            ("channels", wish.channel_id, wish.at, wish.rewind)
            for wish in wishes
            if wish.channel_id not in client.refused
        ]
        return await self._recover(wanted)

    async def _recover(self, wanted: Iterable[tuple[Kind, str, str | None, int]]) -> Found:
        streams = self._door.hub.streams
        found: Found = []
        for kind, name, at, rewind in wanted:
            stream = streams.find(kind, name)
            if stream is not None:
                found.append((stream, await streams.recover(self.client, stream, at, rewind)))
        return found

    def _welcome(self, event_id: Id, found: Found, wishes: dict[str, Wish]) -> None:
        """Send the reply, and let all streams begin."""
        client, streams = self.client, self._door.hub.streams
        told = {(stream.kind, stream.name): recovery for stream, recovery in found}

        def begin(kind: Kind, name: str) -> Recovery:
            if (kind, name) in told:
                return told[kind, name]
            stream = streams.find(kind, name)
            if stream is None or (kind == "channels" and name in client.refused):
                return FORBIDDEN
            return Recovery(streams.place(client, stream))

        data = frames.connected(
            client.id,
            client.root_id,
            self._session_token(),
            self._door.limits.session_seconds,
            (begin("users", client.root_id), begin("clients", client.id)),
            {name: begin("channels", name) for name in wishes},
            self._watch(wishes.values()),
        )
        self._say(frame.reply(event_id, data))
        self._begin_all(found)

    def _begin_all(self, found: Found) -> None:
        streams = self._door.hub.streams
        for stream, recovery in found:
            streams.begin(self.client, stream, recovery)

    def _session_token(self) -> str:
        assert self._door.sessions is not None
        claims = Claims(self.client.id, self.client.root_id)
        return self._door.sessions.make(claims, SESSION_TOKENS * self._door.limits.session_seconds)

    def _answer(self, event: WalkerEvent, body: bytes) -> None:
        if event.id is not None:
            self._say(frame.reply(event.id, body))

    def _error(self, event: Event, error: PublicError) -> bytes:
        return frame.error_2(error)


def _info_of(event: ConnectEvent | ChangeStreamsEvent) -> bytes:
    info = bytes(event.info)
    if len(info) > INFO_BYTES:
        raise Limited(f"info may have {INFO_BYTES:,} bytes.")
    return b"" if info == b"{}" else info


for _kind in TRACED:
    HANDLERS[_kind] = HANDLERS[_kind.__mro__[1]]

_FIRST = (ConnectEvent, PingEvent, Unreadable)
