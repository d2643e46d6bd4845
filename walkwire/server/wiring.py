"""Wiring: makes the wire of a server, with the histories that its streams need, and the door of its connections."""

from __future__ import annotations

import time
from collections.abc import Callable

from walkwire.account.accounts import Accounts
from walkwire.account.auth import PUBLIC
from walkwire.account.ticket import PREFIX as TICKET
from walkwire.addresses import Addresses
from walkwire.brokers import open_broker
from walkwire.config import Config
from walkwire.histories import open_checked_history
from walkwire.histories.durable import DurableHistory
from walkwire.histories.layered import LayeredHistory
from walkwire.history import NoHistory
from walkwire.server.dispatch import Dispatch
from walkwire.server.metering import Meters
from walkwire.server.settings import limits_of, policies_of
from walkwire.server.streams.levels import Levels
from walkwire.server.streams.sessions import SignedSessions
from walkwire.store import Asking, Store
from walkwire.wire.delivery.client import Term
from walkwire.wire.delivery.overflow import OverflowPolicies
from walkwire.wire.door import NOBODY, Describe, Door, SignIn
from walkwire.wire.message.envelope import kept_topic
from walkwire.wire.wire import Wire


async def make_wire(
    config: Config,
    meters: Meters,
    store: Store,
    asking: Asking,
    levels: Levels,
    clock: Callable[[], float],
) -> tuple[Wire, bool]:
    """Return the wire, and whether it has streams: whether the broker can keep what is sent. Raises StartError."""
    history = await open_checked_history(config.broker, clock)
    has_streams = not isinstance(history, NoHistory)
    broker = meters.metered_broker(open_broker(config.broker))
    overflow = OverflowPolicies(config.keep)
    policies, limits = policies_of(config), limits_of(config)
    if levels.has_durable:
        history = LayeredHistory(history, DurableHistory(store, asking, broker, kept_topic))
    history = meters.traced_history(history)
    monotonic = time.monotonic if clock is time.time else clock
    on_delivery = meters.on_delivery
    wire = Wire(
        broker, None, policies, limits, overflow, on_delivery, clock, history, levels, monotonic=monotonic
    )
    meters.look_at(wire.hub)
    return wire, has_streams


def make_door(
    config: Config,
    wire: Wire,
    dispatch: Dispatch,
    accounts: Accounts,
    meters: Meters,
    addresses: Addresses,
    sessions: SignedSessions | None,
    describe: Describe | None,
) -> Door:
    """Return what connections are given."""

    async def authenticate(token: str | None) -> SignIn:
        if token is not None and token.startswith(TICKET):
            caller = await accounts.tickets.admit(token)
        else:
            caller = await accounts.auth.authenticate(token)
        return NOBODY if caller is PUBLIC else SignIn(caller.root_id, Term(caller.session, caller.expires))

    return wire.door(
        dispatch,
        authenticate,
        config.allows_origin,
        compresses=config.compression,
        on_refusal=meters.on_refusal,
        address_of=addresses.of,
        is_proxy=addresses.is_proxy,
        sessions=sessions,
        describe=describe,
    )
