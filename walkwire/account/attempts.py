"""Attempts: bounds how often clients try passwords and make accounts: for each account, and for each address.

An account that does not exist is counted like any other, so a refusal does not tell whether there is one. Each server counts for
itself, and a restart forgets the counts.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import NamedTuple

from walkwire.errors import Busy, Limited

WINDOW = 15 * 60.0  # seconds
REMEMBERED = 100_000  # keys of a count; a failure costs a hash, so filling it takes longer than WINDOW
SOON = 1000  # milliseconds after which one that is under way may have ended
KNOWN = 10_000  # pairs of account and address that logged in

_MESSAGE = "Too many attempts. Please try again later!"


class AttemptLimits(NamedTuple):
    """Limits within `WINDOW`; 0: no limit.

    - account: failed attempts to log in to one account
    - address: failed attempts of one address
    - registrations: registrations of one address
    - resets: codes for a new password that one address may ask for
    - at_once: attempts of one address under way
    """

    account: int = 0
    address: int = 0
    registrations: int = 0
    resets: int = 0
    at_once: int = 0


class Attempt:
    """One attempt under way. It counts as failed unless `succeed` is called.

    - is_suspect: whether its address failed within `WINDOW`
    """

    def __init__(self, is_suspect: bool) -> None:
        self.is_suspect = is_suspect
        self.is_right = False

    def succeed(self) -> None:
        """Say that the password was right."""
        self.is_right = True


class Attempts:
    """Counts attempts. An empty address, as of a UNIX socket, has no limits. `clock` returns seconds."""

    def __init__(
        self, limits: AttemptLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        limits = limits or AttemptLimits()
        self._at_once = limits.at_once
        self._accounts = _Recent(limits.account, clock)
        self._addresses = _Recent(limits.address, clock)
        self._registered = _Recent(limits.account, clock)
        self._registrations = _Recent(limits.registrations, clock)
        self._resets = _Recent(limits.resets, clock)
        self._under_way: Counter[str] = Counter()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    @contextmanager
    def guess(self, account: str, address: str) -> Iterator[Attempt]:
        """Count the block as an attempt to give the password of an account. Raises Limited.

        It counts as failed if the block ends without `Attempt.succeed`, or if its caller goes away, which would otherwise be a
        free hash. An error counts as nothing. An address that logged in to this account before has failures of its own there,
        so that others cannot lock it out.

        - account: the e-mail address; empty: only the address is counted
        """
        pair = (account, address)
        key = pair if account and pair in self._known else account
        attempt = Attempt(self._addresses.has(address))
        with (
            self._one_of(address),
            self._addresses.reserve(address) as for_address,
            self._accounts.reserve(key) as for_account,
        ):
            try:
                yield attempt
            except Exception:
                for_account.is_kept = for_address.is_kept = False
                raise
            finally:
                if attempt.is_right:
                    for_account.is_kept = for_address.is_kept = False
                    if account:
                        self._accounts.forget(key)
                        self._know(pair)

    def forgive(self, account: str) -> None:
        """Forget the failures of an account, whose owner has proved to be one."""
        self._accounts.forget(account)

    @contextmanager
    def registration(self, email: str, address: str) -> Iterator[Attempt]:
        """Count the block as a registration, whatever becomes of it. Raises Limited."""
        with self._one_of(address), self._registrations.reserve(address), self._registered.reserve(email):
            yield Attempt(self._addresses.has(address))

    def reset(self, address: str) -> None:
        """Count a request for a code. Raises Limited."""
        with self._resets.reserve(address):
            pass

    @contextmanager
    def _one_of(self, address: str) -> Iterator[None]:
        if address and self._at_once and self._under_way[address] >= self._at_once:
            raise Limited(_MESSAGE, SOON)
        self._under_way[address] += 1
        try:
            yield
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]

    def _know(self, pair: tuple[str, str]) -> None:
        self._known[pair] = None
        self._known.move_to_end(pair)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)


class _Reservation:
    is_kept = True


class _Recent:
    """The times of what happened within `WINDOW`, by key. Blocks under way count as if they had happened."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._times: OrderedDict[Hashable, list[float]] = OrderedDict()
        self._reserved: Counter[Hashable] = Counter()

    def has(self, key: Hashable) -> bool:
        """Return whether anything happened."""
        return bool(key and self._of(key))

    def forget(self, key: Hashable) -> None:
        """Count from 0 again."""
        self._times.pop(key, None)

    @contextmanager
    def reserve(self, key: Hashable) -> Iterator[_Reservation]:
        """Count the block, at its end, unless it did not take place or is not kept. Raises Limited."""
        reservation = _Reservation()
        if not key or not self._limit:
            yield reservation
            return
        self._admit(key)
        self._reserved[key] += 1
        try:
            yield reservation
        except (Busy, Limited):  # it did not take place
            reservation.is_kept = False
            raise
        finally:
            self._reserved[key] -= 1
            if not self._reserved[key]:
                del self._reserved[key]
            if reservation.is_kept:
                self._add(key)

    def _admit(self, key: Hashable) -> None:
        times = self._of(key)
        if len(times) >= self._limit:
            raise Limited(_MESSAGE, ceil((times[-self._limit] + WINDOW - self._clock()) * 1000))
        if len(times) + self._reserved[key] >= self._limit:
            raise Limited(_MESSAGE, SOON)

    def _add(self, key: Hashable) -> None:
        self._times.setdefault(key, []).append(self._clock())
        self._times.move_to_end(key)
        if len(self._times) > REMEMBERED:
            self._times.popitem(last=False)

    def _of(self, key: Hashable) -> list[float]:
        """Return the times within `WINDOW`, the oldest first."""
        times = self._times.get(key)
        if times is None:
            return []
        del times[: bisect_right(times, self._clock() - WINDOW)]
        if not times:
            del self._times[key]
        return times
