"""Overflow: what to drop when a client does not receive its frames as fast as they are sent, by the names of channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from walkwire.wire.message.notification import Overflow

CACHED = 4096  # channels


class OverflowPolicies:
    """Overflow policy for each channel pattern. Patterns are those of file names (`ticker:*`); the first that matches counts."""

    def __init__(self, patterns: Mapping[str, Overflow] | None = None) -> None:
        self._patterns = dict(patterns or {})
        self._cached = lru_cache(CACHED)(self._match)

    def find(self, names: Iterable[str]) -> Overflow:
        """Return the policy of a message to these channels: "close" unless all agree on another one."""
        if not self._patterns:
            return "close"
        found = set(map(self._cached, names))
        return found.pop() if len(found) == 1 else "close"

    def _match(self, name: str) -> Overflow:
        matching = (policy for pattern, policy in self._patterns.items() if fnmatchcase(name, pattern))
        return next(matching, "close")
