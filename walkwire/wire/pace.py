"""Pace: how fast one client is read, and its end.

A client is not read while its queue is long, while a token is checked that decides how large its messages may be, and while it is
over its rates. Nothing that it sent is lost by that: it waits in the client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.hub import Hub
from walkwire.wire.limits import Limits
from walkwire.wire.message.close import FLOODING, Close
from walkwire.wire.rates import Allowance, Rates, price


class Parts(Protocol):
    """The parts of a server that this needs; see `Door`."""

    @property
    def hub(self) -> Hub:
        """Return the clients of this server."""

    @property
    def turn(self) -> Turn:
        """Return what writes to them."""

    @property
    def limits(self) -> Limits:
        """Return the bounds of a connection."""

    @property
    def rates(self) -> Rates | None:
        """Return what clients may use in a second; None: there is no limit."""


class Paced:
    """The part of a connection that queues its events, pauses and closes it.

    - client: what the hub knows of this connection
    """

    __slots__ = ("_allowance", "_door", "_is_paused", "_waiting", "_waiting_bytes", "client")

    def __init__(self, door: Parts, client: Client) -> None:
        self.client = client
        self._door: Parts = door
        self._is_paused = False
        self._waiting: deque[bytes] | None = None  # queued behind the event under way; None: there is none
        self._waiting_bytes = 0
        self._allowance: Allowance | None = None  # made by the first event, if rates are limited

    def held(self) -> tuple[int, int]:
        """Return the sizes of the events that wait to be handled, and of the frames that the transport has not taken yet."""
        return self._waiting_bytes, self._door.turn.held(self.client)

    def drop_waiting(self) -> None:
        """Drop the events that wait to be handled."""
        if self._waiting is not None:
            self._waiting.clear()
            self._waiting_bytes = 0

    def close(self, close: Close) -> None:
        """Close the connection after what was sent so far."""
        self._door.turn.close(self.client, close)
        self.lost()

    def lost(self) -> None:
        """Remove the client: the peer is closing. Events that it sent before are still handled."""
        self._door.hub.exit(self.client)
        if self._allowance is not None and self._allowance.timer is not None:
            self._allowance.timer.cancel()

    def gone(self) -> None:
        """Remove the client, and drop the transport: nothing can be written to it any more."""
        self.client.use_transport(GONE)
        self.lost()

    def lag(self) -> None:
        """Apply back-pressure: the transport has taken more than it can send."""
        self._door.turn.fall_behind(self.client)

    def catch_up(self) -> None:
        """End back-pressure: the transport has sent most of what it took."""
        self._door.turn.catch_up(self.client)

    @property
    def frame_limit(self) -> int:
        """Return how many bytes a message of the client may have. Users may send larger ones than others."""
        limits = self._door.limits
        return limits.frame if self.client.is_authenticated else min(limits.frame, limits.public_frame)

    def pause(self) -> None:
        """Do not read the client until `unpause`."""
        if not self._is_paused:
            self._is_paused = True
            self.client.transport.pause()

    def pause_if_frames_may_grow(self) -> None:
        """Do not read the client while a token is checked, if users may send larger messages than others."""
        if self._door.limits.public_frame < self._door.limits.frame:
            self.pause()

    def unpause(self) -> None:
        """Read the client again, unless it has to rest."""
        if self._is_paused:
            self._is_paused = False
            self._read_again()

    def charge(self, events: float = 0.0, joins: int = 0) -> float:
        """Charge the client for what it causes, in plain events and in joins (`wire/rates`).

        Return how many seconds it has to rest: 0 within its rates.
        """
        rates = self._door.rates
        return 0.0 if rates is None else self._charge(events * rates.event + joins * rates.join)

    def charge_message(self, payload: bytes) -> float:
        """Charge the client for a message. Return how many seconds it has to rest: 0 within its rates."""
        rates = self._door.rates
        return 0.0 if rates is None else self._charge(price(rates, payload))

    def _enqueue(self, payload: bytes) -> None:
        assert self._waiting is not None
        self._waiting.append(payload)
        self._waiting_bytes += len(payload)
        limits = self._door.limits
        is_long = len(self._waiting) >= limits.waiting_events or self._waiting_bytes >= limits.waiting_bytes
        if is_long:
            self.pause()

    def _charge(self, seconds: float) -> float:
        """Beyond its rates the client is not read, and closed if that lasts too long."""
        rates = self._door.rates
        assert rates is not None
        allowance = self._allowance
        if allowance is None:
            allowance = self._allowance = Allowance(rates)
        rest = allowance.pay(self.client, seconds)
        if rest and self.client.transport is not GONE:
            if allowance.is_exhausted(rates.clock()):
                rates.limited["closed"] += 1
                self.close(FLOODING)
            elif allowance.timer is None:
                self.client.transport.pause()
                allowance.timer = asyncio.get_running_loop().call_later(rest, self._end_rest, allowance)
        return rest

    def _end_rest(self, allowance: Allowance) -> None:
        allowance.timer = None
        self._read_again()

    def _read_again(self) -> None:
        if not self._is_paused and (self._allowance is None or self._allowance.timer is None):
            self.client.transport.resume()
