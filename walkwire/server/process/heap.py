"""Heap: returns freed memory to the operating system. glibc may keep it otherwise, between small pieces that are in use."""

from __future__ import annotations

import asyncio
import ctypes
from asyncio import Future
from collections.abc import Callable

LOOK_SECONDS = 10  # between two looks
LOOKS = 2  # so often memory has to be free before it is returned: what a busy server uses again is left to it
WORTH = 8 * 1024 * 1024  # bytes that are worth the milliseconds

_SIZES = [
    "arena",
    "ordblks",
    "smblks",
    "hblks",
    "hblkhd",
    "usmblks",
    "fsmblks",
    "uordblks",
    "fordblks",
    "keepcost",
]


class _Info(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33. `fordblks`: bytes that are free, whether or not the operating system has them back."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _SIZES)


_libc = ctypes.CDLL(None)
_malloc_trim = getattr(_libc, "malloc_trim", None)  # only glibc has it
_mallinfo = getattr(_libc, "mallinfo2", None)
if _mallinfo is not None:
    _mallinfo.restype = _Info


def free_bytes() -> int:
    """Return how many bytes the heap holds that are not in use, 0 where that is not known. May take a millisecond."""
    return 0 if _mallinfo is None else int(_mallinfo().fordblks)


def return_free() -> None:
    """Return freed memory. Takes some milliseconds."""
    if _malloc_trim is not None:
        _malloc_trim(0)


class Heap:
    """Looks at the heap of this process, and trims it in a thread. Its methods are called on the event loop.

    - free: returns the number of free bytes
    - give_back: returns free memory to the operating system
    """

    def __init__(
        self, free: Callable[[], int] = free_bytes, give_back: Callable[[], None] = return_free
    ) -> None:
        self._free = free
        self._give_back = give_back
        self._ticks = 0
        self._seen: list[int] = []  # free bytes at the last looks
        self._returned = 0  # of the free bytes, those that were returned already, about

    def tick(self) -> Future[None] | None:
        """Begin to look at the heap, if it is time. Called once a second. Return a future that is done after the look."""
        self._ticks += 1
        if self._ticks % LOOK_SECONDS:
            return None
        return asyncio.get_running_loop().run_in_executor(None, self._look)

    def trim(self) -> Future[None]:
        """Begin to return what is free now. Return a future that is done after that."""
        return asyncio.get_running_loop().run_in_executor(None, self._trim)

    def _look(self) -> None:
        free = self._free()
        self._returned = min(self._returned, free)
        self._seen = [*self._seen, free][-LOOKS:]
        if len(self._seen) == LOOKS and min(self._seen) - self._returned >= WORTH:
            self._trim()

    def _trim(self) -> None:
        self._give_back()
        self._returned = self._free()
        self._seen = []
