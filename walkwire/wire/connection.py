"""Connection: the conversation on one socket, without the socket. It greets, hears events in their order, and answers.

While nothing has to be waited for there is no task. An event that has to wait (for a walk, a token, the broker) makes one, and
what comes meanwhile stands in line behind it; a line that grows too long pauses the transport.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from walkwire.errors import Internal, Limited, PublicError, Refused
from walkwire.ids import CHANNEL_LENGTH, PUBLIC_ROOT, parse_root
from walkwire.wire import policy
from walkwire.wire.delivery.client import GONE, Client, Hold, Transport
from walkwire.wire.door import Call, Door
from walkwire.wire.message import frame
from walkwire.wire.message.close import REFUSED, Close
from walkwire.wire.message.event import (
    ChangeUserEvent,
    ChannelEvent,
    ClientEvent,
    ConnectionEvent,
    Event,
    JoinEvent,
    LeaveEvent,
    Spoken,
    Unreadable,
    UserEvent,
    WalkerEvent,
    decode,
)
from walkwire.wire.message.lenient import Id
from walkwire.wire.message.notification import Kind, Notification
from walkwire.wire.policy import Policy

Work = Coroutine[Any, Any, None]

_TOO_LONG = REFUSED._replace(reason=f"a channel id has at most {CHANNEL_LENGTH:,} characters")

_log = logging.getLogger(__name__)


class Connection:
    """`transport` carries what is said to `client`, and tells what it hears: `open` first, then `hear`, in the end `lost`."""

    __slots__ = (
        "_beside",
        "_door",
        "_goodbye",
        "_hub",
        "_is_paused",
        "_line",
        "_line_bytes",
        "_owed",
        "_place",
        "client",
    )

    def __init__(self, door: Door, transport: Transport, channel_id: str | None = None) -> None:
        hub = door.hub
        own = "" if channel_id else hub.ids.new()
        self.client = Client(hub.ids.new(), PUBLIC_ROOT, channel_id or own, bool(own), transport)
        self._door = door
        self._hub = hub
        self._line: deque[bytes] | None = None  # behind the event at work; None: there is none
        self._line_bytes = 0
        self._is_paused = False
        self._beside = 0  # walks that run side by side
        self._owed = 0  # answers of what is under way beside the line
        self._goodbye: Close | None = None  # to be said when all is answered
        self._place: Future[None] | None = None  # what the walk waits for that may not run beside them yet

    def open(self, token: str | None = None) -> None:
        """Greet, once it is known whose `token` it is (with or without `Bearer`; None: there is none)."""
        if len(self.client.channel_id) > CHANNEL_LENGTH:
            self.close(_TOO_LONG)
            return
        work = self._greet_user(token) if token else self._greet(PUBLIC_ROOT)
        if work is not None:
            self._begin(work)

    def hear(self, payload: bytes) -> None:
        """A message of the peer, whole, of a text or a binary frame."""
        if self._hub.is_deaf or self._goodbye is not None or self.client.transport is GONE:
            return
        if self._line is not None:
            self._stand_in_line(payload)
        elif (work := self._take(payload)) is not None:
            self._begin(work)

    def close(self, close: Close) -> None:
        """Say goodbye, after what was said so far."""
        self._hub.turn.end(self.client, close)
        self.lost()

    def lag(self) -> None:
        """The transport has taken more than it can send."""
        if self.client.transport is not GONE:
            self._hub.turn.lags.begin(self.client)

    def catch_up(self) -> None:
        """The transport has sent most of it."""
        if not isinstance(self.client.transport, Hold):
            self._hub.turn.lags.catch_up(self.client)

    @property
    def is_leaving(self) -> bool:
        """Was `leave` called?"""
        return self._goodbye is not None

    def leave(self, goodbye: Close) -> None:
        """Hear no more, and say goodbye when what was heard is answered."""
        self._goodbye = goodbye
        self._leave_if_free()

    def lost(self) -> None:
        """The peer is gone, or going. The events it sent before are still handled."""
        self._hub.exit(self.client)

    def gone(self) -> None:
        """The transport carries nothing any more."""
        self.client.ride(GONE)
        self.lost()

    def _begin(self, work: Work) -> None:
        self._line = deque()
        self._start(self._work(work))

    def _start(self, work: Work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._hub.work.add(task)
        task.add_done_callback(self._hub.work.discard)

    async def _work(self, work: Work | None) -> None:
        while work is not None:
            try:
                await work
            except Exception:
                _log.exception("A fault on the connection of client %s", self.client.id)
            work = self._next()
        self._line = None
        if self._is_paused:
            self._is_paused = False
            self.client.transport.resume()
        self._leave_if_free()

    def _leave_if_free(self) -> None:
        if self._goodbye is not None and self._line is None and not self._owed:
            self.close(self._goodbye)

    def _next(self) -> Work | None:
        work = None
        while self._line and work is None:
            payload = self._line.popleft()
            self._line_bytes -= len(payload)
            work = self._take(payload)
        return work

    def _stand_in_line(self, payload: bytes) -> None:
        assert self._line is not None
        self._line.append(payload)
        self._line_bytes += len(payload)
        limits = self._hub.limits
        is_long = len(self._line) >= limits.waiting_events or self._line_bytes >= limits.waiting_bytes
        if is_long and not self._is_paused:
            self._is_paused = True
            self.client.transport.pause()

    def _take(self, payload: bytes) -> Work | None:
        """Handle a message, or give back what has to be waited for."""
        event = decode(payload)
        try:
            return _DEEDS[type(event)](self, event)
        except Exception as error:
            self._fail(event, error)
            return None

    def _greet(self, root_id: str) -> Work | None:
        if self._hub.closing is not None:
            self.close(self._hub.closing)
        if self.client.transport is GONE:
            return None
        self.client.root_id = root_id
        return self._introduce(self._hub.enter(self.client), None)

    async def _greet_user(self, token: str) -> None:
        work = self._greet(await self._root_of(token))
        if work is not None:
            await work

    def _introduce(self, waiting: Future[None] | None, event_id: Id) -> Work | None:
        """Tell the client who it is, when other servers know it, too, and before anything that it is told as this one."""
        if waiting is None:
            self._say(self._introduction(event_id))
            return None
        self._hub.turn.hold(self.client)
        return self._introduce_after(waiting, event_id)

    async def _introduce_after(self, waiting: Future[None], event_id: Id) -> None:
        await waiting
        self._hub.turn.release(self.client, self._introduction(event_id))

    def _introduction(self, event_id: Id) -> bytes:
        data = frame.who(self.client.id, self.client.root_id, self.client.channel_id)
        return frame.connection(data) if event_id is None else frame.reply(event_id, data)

    async def _root_of(self, token: str) -> str:
        """Its caller enters the hub before it awaits anything else: a token that is revoked later finds the client there."""
        try:
            return await self._door.authenticate(token)
        except Exception:
            _log.exception("A token could not be checked; its bearer is treated as the public user")
            return PUBLIC_ROOT

    def _unreadable(self, event: Unreadable) -> None:
        raise event.error

    def _connection(self, event: ConnectionEvent) -> None:
        self._say(self._introduction(event.id))

    def _change_user(self, event: ChangeUserEvent) -> Work | None:
        if not event.token:
            return self._become(PUBLIC_ROOT, event.id)
        return self._become_user(event.token, event.id)

    def _become(self, root_id: str, event_id: Id) -> Work | None:
        return self._introduce(self._hub.change(self.client, root_id), event_id)

    async def _become_user(self, token: str, event_id: Id) -> None:
        work = self._become(await self._root_of(token), event_id)
        if work is not None:
            await work

    def _join(self, event: JoinEvent) -> Work | None:
        waiting = self._hub.admit(self.client, dict.fromkeys(event.channel_ids))
        if waiting is not None and event.id is not None:
            return self._acknowledge_after(waiting, event)
        self._acknowledge(event)
        return None

    def _leave(self, event: LeaveEvent) -> None:
        for channel_id in event.channel_ids:
            self._hub.leave(self.client.id, channel_id)
        self._acknowledge(event)

    def _user(self, event: UserEvent) -> None:
        roots = tuple(dict.fromkeys(map(parse_root, event.root_ids)))
        if self._hub.policies.is_guarded and PUBLIC_ROOT in roots:
            raise Refused("Clients may not write to all who have not signed in.")
        self._notify(event, "users", roots, self._hub.policies.user)

    def _channel(self, event: ChannelEvent) -> None:
        self._notify(event, "channels", tuple(dict.fromkeys(event.channel_ids)), self._hub.policies.channel)

    def _client(self, event: ClientEvent) -> None:
        self._notify(event, "clients", tuple(dict.fromkeys(event.client_ids)), self._hub.policies.client)

    def _notify(
        self, event: UserEvent | ChannelEvent | ClientEvent, kind: Kind, targets: tuple[str, ...], who: Policy
    ) -> None:
        policy.ask(who, self.client.is_authenticated, f"send {kind[:-1]} events")
        data = bytes(event.data)
        if self._hub.policies.is_guarded:
            policy.ask_to_say(data)
        waiting = self._hub.tell(Notification(kind, targets, data))
        if waiting is None or event.id is None:
            self._acknowledge(event)
        else:
            self._owed += 1
            self._start(self._acknowledge_when_taken(waiting, event))

    def _acknowledge(self, event: Spoken) -> None:
        if event.id is not None:
            self._say(frame.reply(event.id))

    async def _acknowledge_when_taken(self, waiting: Future[None], event: Spoken) -> None:
        """Beside what follows: a broker that is slow, or gone, holds up nobody."""
        try:
            await waiting
        except PublicError as error:
            self._fail(event, error)
        else:
            self._acknowledge(event)
        finally:
            self._owed -= 1
            self._leave_if_free()

    async def _acknowledge_after(self, waiting: Future[None], event: Spoken) -> None:
        await waiting
        self._acknowledge(event)

    def _walker(self, event: WalkerEvent) -> Work | None:
        if event.id is None:
            return self._walk(event, self._call(event))
        if self._beside < self._hub.limits.side_by_side:
            self._walk_beside(event)
            return None
        return self._walk_beside_later(event)

    def _call(self, event: WalkerEvent) -> Call:
        return Call(event.walker, event.node or None, bytes(event.context), self.client, self.client.root_id)

    def _walk_beside(self, event: WalkerEvent) -> None:
        self._beside += 1
        self._owed += 1
        self._start(self._walk_and_make_place(event, self._call(event)))

    async def _walk_beside_later(self, event: WalkerEvent) -> None:
        self._place = asyncio.get_running_loop().create_future()
        await self._place
        self._place = None
        self._walk_beside(event)

    async def _walk_and_make_place(self, event: WalkerEvent, call: Call) -> None:
        try:
            await self._walk(event, call)
        finally:
            self._beside -= 1
            self._owed -= 1
            self._leave_if_free()
            if self._place is not None and not self._place.done():
                self._place.set_result(None)

    async def _walk(self, event: WalkerEvent, call: Call) -> None:
        try:
            body = await self._door.dispatch(call)
            if len(body) > frame.BODY_LIMIT:
                raise Limited("The answer is too large to be sent.")
        except Exception as error:
            self._fail(event, error)
            return
        if event.id is not None:
            self._say(frame.reply(event.id, body))
        elif event.response:
            self._say(body)

    def _fail(self, event: Event, error: Exception) -> None:
        """Tell the client what it may know. A fault goes into the log, under the reference that the client is given."""
        if not isinstance(error, PublicError):
            fault, error = error, Internal()
            _log.error("%s", error.message, exc_info=fault)
        self._door.on_refusal(error)
        if event.id is not None:
            self._say(frame.refusal(event.id, error))
        else:
            self._say(frame.error(error, isinstance(event, WalkerEvent)))

    def _say(self, payload: bytes) -> None:
        self._hub.turn.put(self.client, payload)


_DEEDS: dict[type[Event], Callable[[Connection, Any], Work | None]] = {
    ConnectionEvent: Connection._connection,
    WalkerEvent: Connection._walker,
    UserEvent: Connection._user,
    ChannelEvent: Connection._channel,
    ClientEvent: Connection._client,
    JoinEvent: Connection._join,
    LeaveEvent: Connection._leave,
    ChangeUserEvent: Connection._change_user,
    Unreadable: Connection._unreadable,
}
