"""Client: a session with a server, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, Literal
from weakref import WeakSet

from walkwire.client.channel import ClientChannel, PresenceKind, read_history
from walkwire.client.clock import ClientClock
from walkwire.client.conversation import Conversation
from walkwire.client.dialer import Dialer, Token
from walkwire.client.error import ClientError
from walkwire.client.events import HistoryPage, State, WalkReply
from walkwire.client.inbox import BUFFER, Inbox
from walkwire.client.outbox import QUEUE, Outbox, QueueBound
from walkwire.client.transport import ClientTransport, TransportFactory, TransportListener, WebSocketTransport
from walkwire.urls import server_at

_SAME: Final[Any] = object()  # the token of before


class Client:
    """A client that connects at once, in the running event loop, and comes back until it is closed.

    - url: `wss://…/websocket`; `https:` counts as well
    - token: a string, None for the public user, or a function, async or not, that returns one for each connection. Its argument
      says whether a newer token is needed than the last one
    - channels: ids of channels to join at once; more, and with options, by `client.channel(id)`
    - info: what others see in presence lists, at most 1 KiB as JSON
    - queue: what may wait while there is no connection
    - transport: makes the WebSocket, as `partial(WebSocketTransport, ssl=…, proxy=None)` does
    - clock: for tests

    `async with connect(url) as client:` closes it at the end. It does not wait for the connection, so handlers that are added
    before the next `await` miss nothing. Raises ValueError for another URL, and RuntimeError without a running loop.

    Handlers, each called with one argument:

    - on_state: with a tuple of `state` and `error`
    - on_user, on_client: with each `StreamMessage` to the user of the client, or to this client alone
    - on_recovered, on_resync: with `Recovered` and `Resync` of all streams
    - on_joined, on_left: with each `ClientChannel` into which the server has put the client, or out of which it has taken it
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token = None,
        channels: Iterable[str] = (),
        info: Mapping[str, Any] | None = None,
        queue: QueueBound = QUEUE,
        transport: TransportFactory = WebSocketTransport,
        clock: ClientClock | None = None,
    ) -> None:
        asyncio.get_running_loop()
        url = server_at(url, is_scheme_needed=True).socket
        clock = clock or ClientClock()
        self._transports: WeakSet[ClientTransport] = WeakSet()

        def open(listener: TransportListener) -> ClientTransport:
            opened = transport(url, listener)
            self._transports.add(opened)
            return opened

        self._outbox = Outbox(clock, queue)
        self._conversation = Conversation(clock, self._outbox, info)
        self._dialer = Dialer(open, clock, token, self._conversation)
        self._conversation.renew = self._dialer.renew
        self.on_state = self._conversation.on_state
        self.on_user = self._conversation.feeds["user"].on_message
        self.on_client = self._conversation.feeds["client"].on_message
        self.on_recovered = self._conversation.on_recovered
        self.on_resync = self._conversation.on_resync
        self.on_joined = self._conversation.on_joined
        self.on_left = self._conversation.on_left
        for id in channels:
            self.channel(id)
        self._dialer.dial()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_closed()

    @property
    def client_id(self) -> str | None:
        """Return the id, which stays the same while the session lasts. None before the first connection."""
        return self._conversation.client_id

    @property
    def root_id(self) -> str | None:
        """Return the user's root: `n::…`. None before the first connection."""
        return self._conversation.root_id

    @property
    def state(self) -> State:
        """Return `connecting`, `connected`, `waiting` (for the time of the next connection) or `closed` (for good)."""
        return self._dialer.state

    @property
    def error(self) -> ClientError | None:
        """Return why the client is closed, or waits, if the server or the token function said so."""
        return self._dialer.error

    @property
    def channels(self) -> Mapping[str, ClientChannel]:
        """Return the channels that the client is in, or will be."""
        return MappingProxyType(self._conversation.channels)

    async def connected(self) -> None:
        """Return when the client is connected. Raises ClientError if it is closed, or will be before."""
        await self._dialer.connected()

    async def walk(
        self,
        walker: str,
        fields: Mapping[str, Any] | None = None,
        *,
        node: str | None = None,
        key: str | Literal[False] | None = None,
        resend: bool | None = None,
    ) -> WalkReply:
        """Call a walker, now or as soon as there is a connection, and return its answer. Raises ClientError.

        - node: reference of the node where the walk begins; default: the root of the user
        - key: the same key is done once, for 24 hours. By default each call has a random one, so that it can be sent again after
          a broken connection. The server stores the answer, so a walker that only reads is cheaper with False: none
        - resend: send again if the connection breaks before the answer? Else the call fails with `in_doubt`. Default: true if
          there is a key
        """
        given = secrets.token_hex(16) if key is None else key or None
        event = {"type": "walker", "walker": walker, "context": fields or {}, "node": node, "key": given}
        may_resend = given is not None if resend is None else resend
        data = await self._outbox.call(event, may_resend=may_resend)
        return WalkReply(**{name: data[name] for name in WalkReply.__slots__ if name in data})

    def channel(
        self,
        id: str,
        *,
        rewind: int | None = None,
        presence: PresenceKind | None = None,
        token: str | None = None,
    ) -> ClientChannel:
        """Join a channel, and stay in it until `leave()`. The same id gives the same object.

        Of a channel that is there, only `presence` can be asked for later.

        - rewind: begin with so many of the last notifications, 1 to 1,000
        - presence: keep `channel.presence` up to date, with who is there (`list`) or only with how many (`count`)
        - token: a channel token, for channels that need one
        """
        return self._conversation.channel(id, rewind, presence, token)

    def messages(self, stream: Literal["user", "client"], buffer: int = BUFFER) -> Inbox:
        """Return the notifications to the user, or to this client alone, from now on. As `ClientChannel.messages`."""
        return self._conversation.feeds[stream].read(buffer)

    async def history(
        self, id: str, *, before: str | None = None, after: str | None = None, limit: int | None = None
    ) -> HistoryPage:
        """Read a page of a channel's history without being in it. As `ClientChannel.history`."""
        return await read_history(self._outbox, id, before, after, limit)

    async def send_to_channels(
        self, ids: Iterable[str], data: Mapping[str, Any], *, resend: bool = True
    ) -> None:
        """Send to the members of some channels, without being in them. As `ClientChannel.send`."""
        await self._send({"type": "channel", "channel_ids": list(ids), "data": data}, resend)

    async def send_to_users(
        self, root_ids: Iterable[str], data: Mapping[str, Any], *, resend: bool = True
    ) -> None:
        """Send to all connections of some users. As `ClientChannel.send`."""
        await self._send({"type": "user", "root_ids": list(root_ids), "data": data}, resend)

    async def send_to_clients(
        self, client_ids: Iterable[str], data: Mapping[str, Any], *, resend: bool = True
    ) -> None:
        """Send to some clients. As `ClientChannel.send`."""
        await self._send({"type": "client", "client_ids": list(client_ids), "data": data}, resend)

    async def change_user(self, token: Token = _SAME, info: Mapping[str, Any] | None = None) -> None:
        """Become another user, with another token or token function. Returns when the server has agreed.

        Without a token the function of before is asked again. `info` is what others see of the new user in presence lists. What
        was called before and not sent yet fails with `user_changed`. Raises ClientError (`unauthenticated`), and then nothing
        has changed.
        """
        token = self._dialer.token if token is _SAME else token
        await self._dialer.change_user(token, info)

    def wake(self) -> None:
        """Find out at once whether the connection is alive, or stop waiting and connect. Call it when the network is back."""
        self._dialer.wake()

    def close(self) -> None:
        """Close for good. What was not answered fails with `closed`."""
        self._dialer.close(ClientError("closed", "The client was closed."))

    async def wait_closed(self) -> None:
        """Return when the connections of a closed client are gone, after two seconds at most."""
        for transport in list(self._transports):
            await transport.wait_closed()

    async def _send(self, event: Mapping[str, Any], resend: bool) -> None:
        await self._outbox.call(event, may_resend=resend)


connect = Client
