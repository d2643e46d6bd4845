"""Wire: the parts of this room, put together for one server."""

from __future__ import annotations

import time
from collections.abc import Callable
from operator import methodcaller

from walkwire.broker import Broker
from walkwire.history import History
from walkwire.ids import ServerIds
from walkwire.wire.budget import Budget
from walkwire.wire.connections import Connections
from walkwire.wire.deadlines import Deadlines
from walkwire.wire.delivery.overflow import OverflowPolicies
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.door import (
    AddressOf,
    AllowsOrigin,
    Authenticate,
    Describe,
    Door,
    IsProxy,
    OnRefusal,
    Renewed,
    RunEvent,
    SessionTokens,
    Timed,
    ignore,
    is_no_proxy,
    own_address,
)
from walkwire.wire.heartbeat import Heartbeat
from walkwire.wire.hub import Hub, OnDelivery
from walkwire.wire.limits import Limits
from walkwire.wire.memory import MemoryBound
from walkwire.wire.peers import (
    OnEnded,
    OnReturn,
    OnRevoked,
    Peers,
    ignore_ended,
    ignore_return,
    ignore_revoked,
)
from walkwire.wire.policy import Policies
from walkwire.wire.presence.presence import Presence
from walkwire.wire.presence.ticker import Ticking
from walkwire.wire.rates import Rates
from walkwire.wire.streams.streams import LevelOf, recent


class Wire:
    """One server's wire: each part is an attribute, and is given to whom needs it.

    - clock: returns Unix seconds
    - ticker, monotonic: by which presence goes
    """

    def __init__(
        self,
        broker: Broker,
        ids: ServerIds | None = None,
        policies: Policies | None = None,
        limits: Limits | None = None,
        overflow: OverflowPolicies | None = None,
        on_delivery: OnDelivery | None = None,
        clock: Callable[[], float] = time.time,
        history: History | None = None,
        level_of: LevelOf = recent,
        ticker: Ticking | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ids = ids or ServerIds()
        self.policies = policies or Policies()
        self.limits = limits or Limits()
        self.heartbeat = Heartbeat(self.limits.ping, self.limits.pong, self.limits.goodbye)
        self.memory = MemoryBound(self.limits.memory, self.heartbeat)
        self.budget = Budget()
        self.turn = Turn(self.limits.unsent, self.memory.grow, self.budget.renew)
        self.unfinished = Deadlines[Timed](self.limits.message_seconds, methodcaller("expire_message"))
        self.silent = Deadlines[Timed](self.limits.first_seconds, methodcaller("expire_first"))
        self.renewals = Deadlines[Renewed](self.limits.session_seconds / 4, methodcaller("renew"))
        self.peers = Peers(broker, self.ids.server)
        presence = Presence(self.peers, self.turn, monotonic, ticker)
        self.hub = Hub(
            broker,
            self.peers,
            self.turn,
            self.policies,
            self.limits,
            overflow,
            on_delivery,
            clock,
            history,
            level_of,
            presence,
        )
        self.rates = Rates(self.limits) if self.limits.has_rates else None
        self.connections = Connections(self.hub, self.turn, self.heartbeat, self.limits)

    @property
    def queued_bytes(self) -> int:
        """Return the number of bytes that wait to be sent to clients. Costs a call for each client."""
        return sum(client.transport.unsent() for client in self.hub.everybody()) + self.turn.lags.size

    async def start(
        self,
        on_revoked: OnRevoked = ignore_revoked,
        on_return: OnReturn = ignore_return,
        on_ended: OnEnded = ignore_ended,
    ) -> None:
        """Begin to receive from other servers, and to watch sockets. The callables are those of `Peers.start`."""
        await self.hub.streams.following.start()
        hear = self.hub.streams.following.hear
        await self.peers.start(self.hub.receive, on_revoked, on_return, on_ended, hear)
        self.heartbeat.start()
        self.memory.start()

    async def stop(self) -> None:
        """Stop the timers, and disconnect from the broker."""
        self.memory.stop()
        self.heartbeat.stop()
        self.hub.terms.stop()
        self.hub.presence.stop()
        await self.hub.streams.following.stop()
        await self.peers.stop()

    def door(
        self,
        dispatch: RunEvent,
        authenticate: Authenticate,
        allows_origin: AllowsOrigin,
        path: str = "/websocket",
        compresses: bool = False,
        on_refusal: OnRefusal = ignore,
        address_of: AddressOf = own_address,
        is_proxy: IsProxy = is_no_proxy,
        sessions: SessionTokens | None = None,
        describe: Describe | None = None,
    ) -> Door:
        """Return what the connections of this server are given."""
        return Door(
            self.hub,
            self.turn,
            self.connections,
            self.heartbeat,
            self.memory,
            self.unfinished,
            self.silent,
            self.ids,
            self.limits,
            self.policies,
            dispatch,
            authenticate,
            allows_origin,
            path,
            compresses,
            on_refusal,
            address_of,
            is_proxy,
            self.budget,
            self.rates,
            self.hub.membership.rights.has_rules,
            sessions,
            self.renewals,
            describe,
        )
