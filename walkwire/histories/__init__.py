"""Histories: the kinds of `walkwire.history`, chosen by the scheme of the broker's URL. A kind imports its driver to make one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from walkwire.errors import StartError
from walkwire.histories.kinds import (
    MemoryHistoryKind,
    NatsHistoryKind,
    RedisClusterHistoryKind,
    RedisHistoryKind,
)
from walkwire.history import History, HistoryKind, NoHistory

KINDS: tuple[HistoryKind, ...] = (
    MemoryHistoryKind(),
    RedisHistoryKind(),
    RedisClusterHistoryKind(),
    NatsHistoryKind(),
)

_log = logging.getLogger(__name__)


def history_kind_of(url: str) -> HistoryKind:
    """Return the kind of history for the broker at `url`. Raises StartError if the scheme is unknown."""
    scheme = url.partition(":")[0]
    for kind in KINDS:
        if scheme in kind.schemes:
            return kind
    raise StartError(f"No history of the kind {scheme!r}")


def open_history(url: str, clock: Callable[[], float] = time.time) -> History:
    """Return a history for the broker at `url`, not started yet. Raises StartError."""
    return history_kind_of(url).make(url, clock)


async def open_checked_history(url: str, clock: Callable[[], float] = time.time) -> History:
    """Return a history as `open_history` does, or one that keeps nothing if the service cannot keep streams; that is logged."""
    kind = history_kind_of(url)
    try:
        lack = await kind.lack(url)
    except ModuleNotFoundError:
        return NoHistory()  # the broker says which package is missing
    if lack is not None:
        _log.error("Version 2 is not offered, since the broker cannot keep streams: %s", lack)
        return NoHistory()
    if kind.limits is not None:
        _log.warning("%s", kind.limits)
    return kind.make(url, clock)
