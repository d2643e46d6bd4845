"""Descriptors: how many file descriptors are left. Logs that they run out before connections can no longer be accepted."""

from __future__ import annotations

import errno
import logging
import os

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

WARN = 0.9  # part of the limit
CALM = 0.8  # below it, a further warning is due

_log = logging.getLogger(__name__)


class Descriptors:
    """The file descriptors of this process, looked at once a second.

    The kernel gives the lowest free number to a new descriptor, so that number is known to be in use below it. Sockets that were
    closed leave gaps, so the connections are counted, too.
    """

    def __init__(self) -> None:
        self._base = _lowest_free() or 0  # in use before there were connections
        self._has_warned = False
        self._was_empty = False

    def look(self, connections: int) -> str | None:
        """Log a line when 90 % are in use, and when none is left. Return why no connection can be accepted, None if one can.

        - connections: number of the server's connections
        """
        limit = _limit()
        if limit is None:
            return None
        free = _lowest_free()
        in_use = limit if free is None else max(free, self._base + connections)
        if in_use < CALM * limit:
            self._has_warned = self._was_empty = False
        if free is None and not self._was_empty:
            self._was_empty = self._has_warned = True
            _log.error(
                "No file descriptor is left of %d: connections cannot be accepted. Raise the limit (ulimit -n)",
                limit,
            )
        elif in_use >= WARN * limit and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "%d of %d file descriptors are in use. Raise the limit (ulimit -n) or add a server",
                in_use,
                limit,
            )
        return "no file descriptor is left" if free is None else None


def _limit() -> int | None:
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _lowest_free() -> int | None:
    """Return the lowest number that is free; None if there is none."""
    try:
        descriptor = os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return None
        raise
    os.close(descriptor)
    return descriptor
