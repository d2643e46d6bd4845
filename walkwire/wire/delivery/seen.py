"""Seen: which envelopes of other servers were received already, of those that come in several copies.

The envelopes of a server are numbered. A bit is kept for each of its last `WINDOW` numbers, 8 KiB for each server. A copy that
comes later than that many others counts as seen: a message is delivered once at most.
"""

from __future__ import annotations

WINDOW = 64 * 1024  # numbers of one server
SERVERS = 256  # that are remembered; beyond it, those that were silent longest are forgotten


class Seen:
    """The envelopes that were received lately."""

    def __init__(self) -> None:
        self._servers: dict[
            str, tuple[int, int]
        ] = {}  # highest number, and bits: the lowest is that of the highest number

    def add(self, server: str, number: int) -> bool:
        """Remember an envelope. Return whether it was remembered already, or is too old to know."""
        highest, bits = self._servers.pop(server, (number, 0))
        ahead = number - highest
        if ahead > 0:
            bits = (bits << ahead) & _ALL if ahead < WINDOW else 0
            highest = number
        bit = 1 << (highest - number) if highest - number < WINDOW else 0
        is_known = bit == 0 or bool(bits & bit)
        self._servers[server] = highest, bits | bit
        if len(self._servers) > SERVERS:
            del self._servers[next(iter(self._servers))]
        return is_known


_ALL = (1 << WINDOW) - 1
