"""Keep: what becomes of frames that a client which lags was not sent, by the names of channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from walkwire.wire.message.notification import Keep

REMEMBERED = 4096  # channels


class Keeping:
    """`patterns` are as in file names (`ticker:*`); of several that fit a channel the first counts."""

    def __init__(self, patterns: Mapping[str, Keep] | None = None) -> None:
        self._patterns = dict(patterns or {})
        self._of = lru_cache(REMEMBERED)(self._find)

    def of(self, channel_ids: Iterable[str]) -> Keep:
        """For a notification to these channels: nothing is dropped unless all agree on how."""
        if not self._patterns:
            return "close"
        found = set(map(self._of, channel_ids))
        return found.pop() if len(found) == 1 else "close"

    def _find(self, channel_id: str) -> Keep:
        fitting = (keep for pattern, keep in self._patterns.items() if fnmatchcase(channel_id, pattern))
        return next(fitting, "close")
