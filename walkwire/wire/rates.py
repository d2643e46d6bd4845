"""Rates: how much of the server each connection, user and address may use. A client that is silent costs nothing.

Everything that a client causes has a price in seconds of its connection: 1/EVENT_RATE for a plain event, 1/BYTE_RATE for each of
its bytes, more for what is dear. A connection may use one second each second, a user and an address several, and all of them may
save up `burst` seconds.
"""

from __future__ import annotations

import time
from asyncio import TimerHandle
from collections import Counter
from collections.abc import Callable
from itertools import islice

from walkwire.errors import Limited
from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.client import Client
from walkwire.wire.limits import Limits

REASONS = ("connection", "user", "address", "closed")

# Prices in plain events.
ERROR = 4.0  # formatting an error takes several times as long as an event
WALK = 4.0
SIGN_IN = 4.0
TARGET = 0.1  # each user, channel or client that an event names, beside the first
FRAME = 0.25  # a ping, a pong, a fragment: what the library parses
COMMAS = 1 / 500  # each comma of a long event: so a wide one costs more than its bytes

LONG = 4096  # bytes of an event whose commas are counted
GRANT = 8.0  # plain events that a connection takes from its user and its address in advance
REST = 0.75  # of the burst: a client that used more than all of it is read again when it owes this much


class Rates:
    """The prices, and what users and addresses owe.

    - limited: how often clients were limited, by one of `REASONS`
    - clock: returns seconds, monotonic
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limited: Counter[str] = Counter()
        self.clock = clock
        self.event = 1 / limits.events if limits.events else 0.0
        self.byte = 1 / limits.bytes if limits.bytes else 0.0
        self.join = 1 / limits.joins if limits.joins else 0.0
        self.burst = limits.burst
        self.patience = limits.patience
        self._user_share = limits.user_share
        self._address_share = limits.address_share
        self._users = Debts()
        self._addresses = Debts()

    def owed_by_others(self, client: Client, seconds: float, now: float) -> tuple[float, str]:
        """Charge the user and the address of a client. Return what the one owes that owes most, and which it is."""
        owed, reason = 0.0, "user"
        if client.root_id != PUBLIC_ROOT and self._user_share:
            owed = self._users.add(client.root_id, seconds / self._user_share, now)
        if client.address and self._address_share:
            owed_by_address = self._addresses.add(client.address, seconds / self._address_share, now)
            if owed_by_address > owed:
                owed, reason = owed_by_address, "address"
        return owed, reason


class Debts:
    """What some names owe, in seconds. A name that owes nothing is forgotten when others begin to owe."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}  # when a name will owe nothing

    def __len__(self) -> int:
        return len(self._until)

    def add(self, name: str, seconds: float, now: float) -> float:
        """Charge a name, and return what it owes now."""
        until = self._until.get(name)
        if until is None:
            self._forget(now)
            until = now
        self._until[name] = until = max(until, now) + seconds
        return until - now

    def _forget(self, now: float) -> None:
        for name in list(islice(self._until, 2)):  # two for each new one: so they cannot pile up
            until = self._until.pop(name)
            if until > now:
                self._until[name] = until


class Allowance:
    """What one connection may still use. Made by its first event.

    - timer: ends a rest; None: the connection is read
    """

    __slots__ = ("_credit", "_limited_since", "_rates", "_until", "timer")

    def __init__(self, rates: Rates) -> None:
        self.timer: TimerHandle | None = None
        self._rates = rates
        self._credit = 0.0  # seconds that are paid already
        self._until = 0.0  # when the connection will owe nothing
        self._limited_since: float | None = None

    def pay(self, client: Client, seconds: float) -> float:
        """Charge the connection, its user and its address. Return how long it has to rest: 0 within its rates."""
        self._credit -= seconds
        return 0.0 if self._credit >= 0 else self._settle(client)

    def is_exhausted(self, now: float) -> bool:
        """Return whether the connection was over its own rate for longer than the server's patience."""
        since = self._limited_since
        return since is not None and now - since >= self._rates.patience

    def _settle(self, client: Client) -> float:
        rates = self._rates
        now = rates.clock()
        seconds = GRANT * rates.event - self._credit
        self._credit = GRANT * rates.event
        self._until = max(self._until, now) + seconds
        owed, reason = self._until - now, "connection"
        if owed > rates.burst:
            self._limited_since = now if self._limited_since is None else self._limited_since
        elif owed < rates.burst / 2:
            self._limited_since = None
        owed_by_others, who = rates.owed_by_others(client, seconds, now)
        if owed_by_others > owed:
            owed, reason = owed_by_others, who
        if owed <= rates.burst:
            return 0.0
        rates.limited[reason] += 1
        return owed - REST * rates.burst


def price(rates: Rates, payload: bytes) -> float:
    """Return what a message costs before it is decoded."""
    size = len(payload)
    if size < LONG:
        return rates.event + size * rates.byte
    return rates.event * (1 + payload.count(b",") * COMMAS) + size * rates.byte


def too_much(seconds: float) -> Limited:
    """Return the error for an event that comes too early. `seconds`: when the next one may come."""
    return Limited(
        f"Too much for this connection, user or address. Try again in {seconds:.1f} s.",
        retry_in=max(1, round(seconds * 1000)),
    )
