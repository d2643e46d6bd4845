"""Encodings: which compressed form of a file a client gets, and the forms that are made here and kept in memory.

A form is made once for each version of a file. So that nobody can make the server compress all the time, a form leaves the
memory only if nobody asked for it for a minute; while there is no room, files are sent as they are.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

BESIDE = (("br", ".br"), ("gzip", ".gz"))  # what a build may have put beside a file, the better one first
LEAST = 1024  # bytes of a file that is worth it
MOST = 2 * 1024 * 1024  # bytes of a file that is compressed here
KEPT = 16 * 1024 * 1024  # bytes of all forms in memory
IDLE_SECONDS = 60.0
LEVEL = 6

_HEADER = 200  # characters of an Accept-Encoding that is read


def accepted(header: str | None) -> tuple[str, ...]:
    """Return the encodings of `BESIDE` that a client accepts (RFC 9110, §12.5.3), the one to use first."""
    if not header or len(header) > _HEADER:
        return ()
    weights: dict[str, float] = {}
    for one in header.split(","):
        name, _, parameter = one.partition(";")
        weights[name.strip().lower()] = _weight(parameter)
    other = weights.get("*", 0.0)
    found = [(weights.get(name, other), -at, name) for at, (name, _) in enumerate(BESIDE)]
    return tuple(name for weight, _, name in sorted(found, reverse=True) if weight > 0)


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


class _Form(NamedTuple):
    version: Hashable
    content: bytes | None
    used: float


class Squeezed:
    """Compressed forms by their files' names. May be used in several threads.

    - bound: bytes of all forms
    - clock: returns seconds
    """

    def __init__(self, bound: int = KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._bound = bound
        self._clock = clock
        self._forms: OrderedDict[str, _Form] = OrderedDict()  # the one that was used last is the last
        self._size = 0
        self._lock = threading.Lock()

    def gzip(self, name: str, version: Hashable, read: Callable[[], bytes]) -> bytes | None:
        """Return a file in gzip's form. None if that is not smaller, or there is no room.

        - version: changes with the file
        - read: returns the file's content
        """
        with self._lock:
            if (form := self._find(name, version)) is not None:
                return form.content
            if not self._has_room():
                return None
        content = read()
        squeezer = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)  # 31: with gzip's head, which then has no time
        made = squeezer.compress(content) + squeezer.flush()
        made_or_none = made if len(made) < len(content) else None
        with self._lock:
            self._drop(name)
            self._forms[name] = _Form(version, made_or_none, self._clock())
            self._size += len(made_or_none or b"")
        return made_or_none

    def _find(self, name: str, version: Hashable) -> _Form | None:
        form = self._forms.get(name)
        if form is None or form.version != version:
            return None
        self._forms[name] = form._replace(used=self._clock())
        self._forms.move_to_end(name)
        return form

    def _has_room(self) -> bool:
        while self._size >= self._bound:
            name, oldest = next(iter(self._forms.items()))
            if self._clock() - oldest.used < IDLE_SECONDS:
                return False
            self._drop(name)
        return True

    def _drop(self, name: str) -> None:
        form = self._forms.pop(name, None)
        if form is not None:
            self._size -= len(form.content or b"")
