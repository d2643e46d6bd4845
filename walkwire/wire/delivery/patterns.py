"""Patterns: what a setting says of a channel, by patterns of its id as those of file names (`ticker:*`)."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Generic, TypeVar

CACHED = 4096  # channels

T = TypeVar("T")


class Patterns(Generic[T]):
    """A value for each channel: that of the first pattern that matches its id, else `default`. May be called in any thread."""

    def __init__(self, values: Mapping[str, T], default: T) -> None:
        self._values = dict(values)
        self._default = default
        self.find = lru_cache(CACHED)(self._match)

    def __bool__(self) -> bool:
        return bool(self._values)

    def values(self) -> tuple[T, ...]:
        """Return the values of all patterns."""
        return tuple(self._values.values())

    def _match(self, name: str) -> T:
        matching = (value for pattern, value in self._values.items() if fnmatchcase(name, pattern))
        return next(matching, self._default)
