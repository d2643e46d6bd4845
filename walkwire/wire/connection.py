"""Connection: handles the events of one client in their order, and sends the replies. Knows no socket.

An event that waits for nothing needs no task. One that has to wait (for a walk, a token, the broker) starts a task, and later
events are queued behind it. A queue that grows too long pauses the transport.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections import deque

from walkwire.errors import Internal, Limited, PublicError, Refused
from walkwire.ids import CHANNEL_LENGTH, LOG_IDS, PUBLIC_ROOT, parse_root
from walkwire.wire import policy
from walkwire.wire.delivery.client import GONE, Client, Transport
from walkwire.wire.door import NOBODY, Call, Door, SignIn
from walkwire.wire.message import elements, frame
from walkwire.wire.message.close import REFUSED, Close
from walkwire.wire.message.event import (
    EVENTS,
    BaseEvent,
    ChangeUserEvent,
    ChannelEvent,
    ClientEvent,
    ConnectionEvent,
    Event,
    JoinEvent,
    LeaveEvent,
    Unreadable,
    UserEvent,
    WalkerEvent,
)
from walkwire.wire.message.handler import HANDLERS, Work, handles
from walkwire.wire.message.lenient import Id, find_id
from walkwire.wire.message.notification import Kind, Notification
from walkwire.wire.pace import Paced
from walkwire.wire.policy import Policy
from walkwire.wire.rates import ERROR, SIGN_IN, TARGET, WALK, too_much

_TOO_LONG = REFUSED._replace(reason=f"a channel id has at most {CHANNEL_LENGTH:,} characters")

_log = logging.getLogger(__name__)


class Connection(Paced):
    """The server's side of one socket.

    The transport calls `open` first, then `hear` for each message, and `lost` or `gone` in the end.

    - client: what the hub knows of this connection
    """

    __slots__ = ("_beside", "_goodbye", "_notice", "_owed", "_place")

    _door: Door
    _decode = staticmethod(EVENTS.decode)

    def __init__(
        self,
        door: Door,
        transport: Transport,
        channel_id: str | None = None,
        address: str = "",
        channel_token: str | None = None,
        notice: int = 0,
    ) -> None:
        own = "" if channel_id else door.ids.new()
        client = Client(
            door.ids.new(), PUBLIC_ROOT, channel_id or own, bool(own), transport, address, channel_token
        )
        self._prepare(door, client, notice)

    def _prepare(self, door: Door, client: Client, notice: int) -> None:
        super().__init__(door, client)
        self._notice = notice  # seconds before its token expires at which the client is told; 0: it is not
        self._beside = 0  # walks under way that have an id: they run concurrently
        self._owed = 0  # replies to come of what does not hold up the queue
        self._goodbye: Close | None = None  # to close with when all is answered
        self._place: Future[None] | None = None  # done when another concurrent walk may start

    def open(self, token: str | None = None) -> None:
        """Send the connection frame, after the token was checked. `token` is with or without `Bearer`; None: there is none."""
        if len(self.client.channel_id) > CHANNEL_LENGTH:
            self.close(_TOO_LONG)
            return
        work = self._greet_user(token) if token else self._greet(NOBODY)
        if token:
            self.pause_if_frames_may_grow()
        if work is not None:
            self._begin(work)

    def hear(self, payload: bytes) -> None:
        """Handle one message of the client: the whole payload of a text or a binary message."""
        if self._door.connections.is_finishing or self._goodbye is not None or self.client.transport is GONE:
            return
        if self._door.rates is not None and self._is_refused(payload):
            return
        if self._waiting is not None:
            self._enqueue(payload)
        elif (work := self._handle(payload)) is not None:
            self._begin(work)

    @property
    def is_leaving(self) -> bool:
        """Return whether `leave` was called."""
        return self._goodbye is not None

    def leave(self, goodbye: Close) -> None:
        """Handle no further messages, and close when those handled so far are answered."""
        self._goodbye = goodbye
        self._leave_if_free()

    def _begin(self, work: Work) -> None:
        self._waiting = deque()
        self._start(self._work(work))

    def _start(self, work: Work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._door.connections.add(task)

    async def _work(self, work: Work | None) -> None:
        while work is not None:
            try:
                await work
            except Exception:
                _log.exception("A fault on the connection of client %s", self.client.id)
            work = self._next()
        self._waiting = None
        if self._is_paused:
            self.unpause()
        self._leave_if_free()

    def _is_refused(self, payload: bytes) -> bool:
        """Charge a message. Return whether it is not handled: it has an id and is answered, or the connection is closed."""
        rest = self.charge_message(payload)
        if not rest or self.client.transport is GONE:
            return bool(rest)
        event_id = find_id(payload)
        if event_id is not None:
            self._fail(BaseEvent(id=event_id), too_much(rest))
        return event_id is not None

    def _leave_if_free(self) -> None:
        if self._goodbye is not None and self._waiting is None and not self._owed:
            self.close(self._goodbye)

    def _next(self) -> Work | None:
        work = None
        while self._waiting and work is None:
            payload = self._waiting.popleft()
            self._waiting_bytes -= len(payload)
            work = self._handle(payload)
        return work

    def _handle(self, payload: bytes) -> Work | None:
        """Handle a message. Return a coroutine if it has to wait, else None."""
        if len(payload) > self._door.limits.elements:
            try:
                elements.check(payload, self._door.limits.elements)
            except PublicError as error:
                self._fail(BaseEvent(id=find_id(payload)), error)
                return None
        event = self._decode(payload)
        if (tap := self._door.hub.tap).event is not None:
            tap.event(self.client, event, len(payload))
        try:
            return HANDLERS[type(event)](self, event)
        except Exception as error:
            self._fail(event, error)
            return None

    def _greet(self, who: SignIn) -> Work | None:
        closing = self._door.connections.closing or self._door.connections.refusal(who.root_id)
        if closing is not None:
            self.close(closing)
        if self.client.transport is GONE:
            return None
        return self._introduce(self._door.hub.enter(self.client, *who), None)

    async def _greet_user(self, token: str) -> None:
        work = self._greet(await self._door.identify(token, self._notice))
        if work is not None:
            await work

    def _introduce(self, waiting: Future[None] | None, event_id: Id) -> Work | None:
        """Send the client its ids when other servers reach it, and before anything that is sent to it as this user."""
        if waiting is None:
            self._say(self._introduction(event_id))
            return None
        self._door.turn.hold(self.client)
        return self._introduce_after(waiting, event_id)

    async def _introduce_after(self, waiting: Future[None], event_id: Id) -> None:
        await waiting
        self._door.turn.release(self.client, self._introduction(event_id))

    def _introduction(self, event_id: Id) -> bytes:
        data = frame.who(self.client.id, self.client.root_id, self.client.channel_id)
        return frame.connection(data) if event_id is None else frame.reply(event_id, data)

    @handles(Unreadable)
    def _unreadable(self, event: Unreadable) -> None:
        self._fail(event, event.error)

    @handles(ConnectionEvent)
    def _connection(self, event: ConnectionEvent) -> None:
        self._say(self._introduction(event.id))

    @handles(ChangeUserEvent)
    def _change_user(self, event: ChangeUserEvent) -> Work | None:
        if not event.token:
            return self._become(NOBODY, event.id)
        self.charge(SIGN_IN)
        self.pause_if_frames_may_grow()
        return self._become_user(event.token, event)

    def _become(self, who: SignIn, event_id: Id) -> Work | None:
        return self._introduce(self._door.hub.change(self.client, *who), event_id)

    async def _become_user(self, token: str, event: ChangeUserEvent) -> None:
        who = await self._door.identify(token, event.expiring or self._notice)
        is_other = who.root_id not in (PUBLIC_ROOT, self.client.root_id)
        if is_other and self._door.connections.refusal(who.root_id) is not None:
            self._fail(event, Limited("This user has too many connections."))
        elif (work := self._become(who, event.id)) is not None:
            await work

    @handles(JoinEvent)
    def _join(self, event: JoinEvent) -> Work | None:
        self.charge(joins=len(event.channel_ids))
        waiting = self._door.hub.admit(self.client, dict.fromkeys(event.channel_ids), event.tokens)
        if waiting is not None:  # also without an id: so no client fills the queue of the broker
            return self._acknowledge_after(waiting, event)
        self._acknowledge(event)
        return None

    @handles(LeaveEvent)
    def _leave(self, event: LeaveEvent) -> None:
        self.charge(TARGET * len(event.channel_ids))
        for channel_id in event.channel_ids:
            self._door.hub.membership.leave(self.client, channel_id)
        self._acknowledge(event)

    @handles(UserEvent)
    def _user(self, event: UserEvent) -> None:
        roots = tuple(dict.fromkeys(map(parse_root, event.root_ids)))
        if self._door.policies.is_guarded and PUBLIC_ROOT in roots:
            raise Refused("Clients may not write to all who have not signed in.")
        self._notify(event, "users", roots, self._door.policies.user)

    @handles(ChannelEvent)
    def _channel(self, event: ChannelEvent) -> Work | None:
        channel_ids = tuple(dict.fromkeys(event.channel_ids))
        if self._door.has_rules or len(channel_ids) > 1 or channel_ids[0].startswith("n:"):
            return self._send_by_rights(event, channel_ids)
        self._notify(event, "channels", channel_ids, self._door.policies.channel)
        return None

    def _send_by_rights(self, event: ChannelEvent, channel_ids: tuple[str, ...]) -> Work | None:
        rights, policies = self._door.hub.membership.rights, self._door.policies
        covered = [channel_id for channel_id in channel_ids if rights.covers(channel_id)]
        if len(covered) < len(channel_ids):
            policy.require(policies.channel, self.client.is_authenticated, "send channel events")
        self._door.limits.require_few(channel_ids)
        if not all(rights.allows("send", self.client, channel_id) for channel_id in covered):
            return self._notify_if_allowed(event, channel_ids, covered)
        self._notify(event, "channels", channel_ids, "all")
        return None

    async def _notify_if_allowed(
        self, event: ChannelEvent, channel_ids: tuple[str, ...], covered: list[str]
    ) -> None:
        root_id = self.client.root_id
        try:
            refused = await self._door.hub.membership.rights.ask("send", self.client, covered)
            if refused or self.client.root_id != root_id:  # signed out meanwhile
                raise Refused("You may not send to this channel, or to one of these.")
            self._notify(event, "channels", channel_ids, "all")
        except Exception as error:
            self._fail(event, error)

    @handles(ClientEvent)
    def _client(self, event: ClientEvent) -> None:
        self._notify(event, "clients", tuple(dict.fromkeys(event.client_ids)), self._door.policies.client)

    def _notify(
        self, event: UserEvent | ChannelEvent | ClientEvent, kind: Kind, targets: tuple[str, ...], who: Policy
    ) -> None:
        policy.require(who, self.client.is_authenticated, f"send {kind[:-1]} events")
        if len(targets) > 1:
            self.charge(TARGET * len(targets))
            self._door.limits.require_few(targets)
        data = bytes(event.data)
        policies = self._door.policies
        if policies.is_guarded:
            policy.require_plain_data(data)
        if policies.wraps:
            data = frame.client_event(self.client.root_id, self.client.id, data)
        waiting = self._door.hub.publish(Notification(kind, targets, data))
        if waiting is None or event.id is None:
            self._acknowledge(event)
        else:
            self._owed += 1
            self._start(self._acknowledge_when_taken(waiting, event))

    def _acknowledge(self, event: BaseEvent) -> None:
        if event.id is not None:
            self._say(frame.reply(event.id))

    async def _acknowledge_when_taken(self, waiting: Future[None], event: BaseEvent) -> None:
        """Send the reply when the broker has the message. Later events are handled meanwhile."""
        try:
            await self._acknowledge_after(waiting, event)
        finally:
            self._owed -= 1
            self._leave_if_free()

    async def _acknowledge_after(self, waiting: Future[None], event: BaseEvent) -> None:
        try:
            await waiting
        except Exception as error:
            self._fail(event, error)
        else:
            self._acknowledge(event)

    @handles(WalkerEvent)
    def _walker(self, event: WalkerEvent) -> Work | None:
        if self._door.rates is not None:
            self.charge(WALK)
        if event.id is None:
            return self._walk(event, self._call(event))
        if self._beside < self._door.limits.side_by_side:
            self._walk_beside(event)
            return None
        return self._walk_beside_later(event)

    def _call(self, event: WalkerEvent) -> Call:
        context, root_id = bytes(event.context), self.client.root_id
        return Call(event.walker, event.node or None, context, self.client, root_id, event.key)

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
        LOG_IDS.set({"client": self.client.id, "event": event.id})  # this runs in a task of its own
        try:
            body = await self._door.dispatch(call)
            if len(body) > frame.BODY_LIMIT:
                raise Limited("The answer is too large to be sent.")
        except Exception as error:
            self._fail(event, error)
            return
        self._answer(event, body)

    def _answer(self, event: WalkerEvent, body: bytes) -> None:
        if event.id is not None:
            self._say(frame.reply(event.id, body))
        elif event.response:
            self._say(body)

    def _fail(self, event: Event, error: Exception) -> None:
        """Send an error. An exception that is not public is logged under the reference that is sent."""
        if not isinstance(error, PublicError):
            fault, error = error, Internal(error)
            ids = {"client": self.client.id, "event": event.id}
            _log.error("%s", error.message, exc_info=fault, extra=ids)
        self.charge(ERROR)
        self._door.on_refusal(error)
        if (tap := self._door.hub.tap).refusal is not None:
            tap.refusal(self.client, event, error)
        if event.id is not None:
            self._say(frame.refusal(event.id, error))
        else:
            self._say(self._error(event, error))

    def _error(self, event: Event, error: PublicError) -> bytes:
        return frame.error(error, isinstance(event, WalkerEvent))

    def _say(self, payload: bytes) -> None:
        self._door.turn.put(self.client, payload)
