"""Overflow: what to drop when a client does not receive its frames as fast as they are sent, by the names of channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from walkwire.wire.delivery.patterns import Patterns
from walkwire.wire.message.notification import Overflow


class OverflowPolicies:
    """Overflow policy for each channel pattern. Patterns are those of file names (`ticker:*`); the first that matches counts."""

    def __init__(self, patterns: Mapping[str, Overflow] | None = None) -> None:
        self._patterns: Patterns[Overflow] = Patterns(patterns or {}, "close")

    def find(self, names: Iterable[str]) -> Overflow:
        """Return the policy of a message to these channels: "close" unless all agree on another one."""
        if not self._patterns:
            return "close"
        found = set(map(self._patterns.find, names))
        return found.pop() if len(found) == 1 else "close"
