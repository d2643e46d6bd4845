"""Closing: whether a client comes back, and when. The number of the close code decides."""

from __future__ import annotations

import json
from typing import NamedTuple

from walkwire.client.clock import ClientClock
from walkwire.client.error import ClientError

_LONGEST_DELAY = 30_000
_STABLE = 5_000  # a connection that lives so long is a success
_LONGEST_FLOOR = 86_400_000

# Why the client is closed for good, by close code. Other codes from 4000 to 4099 are `refused`.
_FINAL = {
    1002: "protocol",
    1003: "protocol",
    1007: "protocol",
    1009: "too_large",
    4001: "unauthenticated",
    4009: "taken_over",
}


class Ending(NamedTuple):
    """What the end of a connection means.

    - floor: milliseconds below which the client may not come back
    - unit: what the first random delay is at most, in milliseconds
    - error: set if the client must not come back as it is
    """

    floor: float = 0
    unit: float = 1000
    error: ClientError | None = None


def ending_of(code: int, reason: str) -> Ending:
    """Return what a close frame means. Its reason is `{"reconnect_in":…,"reason":"…"}`, or any text."""
    words, floor = reason, None
    try:
        told = json.loads(reason)
    except ValueError:
        told = None  # not one of walkwire's own
    if isinstance(told, dict):
        words, floor = str(told.get("reason", "")), told.get("reconnect_in")
    is_timed = isinstance(floor, int | float)
    final = _FINAL.get(code) or ("refused" if 4000 <= code < 4100 and not is_timed else None)
    return Ending(
        floor=floor if isinstance(floor, int | float) else 0,
        unit=250 if 4200 <= code < 4300 else 1000,
        error=ClientError(final, words or f"The connection was closed with {code}.") if final else None,
    )


class BackOff:
    """Counts failures in a row, and computes delays with full jitter from them."""

    def __init__(self, clock: ClientClock) -> None:
        self._clock = clock
        self._failures = 0

    def next(self, ending: Ending, lived: float) -> tuple[float, float]:
        """Return the lower bound and the random part of the delay, after a connection that lived for so long."""
        if lived >= _STABLE:
            self._failures = 0
        most = min(_LONGEST_DELAY, ending.unit * 2 ** min(self._failures, 16))
        self._failures += 1
        return min(ending.floor, _LONGEST_FLOOR), self._clock.random() * most
