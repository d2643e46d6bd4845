"""Heap: returns freed memory to the operating system. glibc may keep it otherwise, between small pieces that are in use."""

from __future__ import annotations

import asyncio
import ctypes

_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it


def trim_heap() -> None:
    """Begin to return freed memory, in a thread: it takes some milliseconds. Call it on the event loop."""
    if _malloc_trim is not None:
        asyncio.get_running_loop().run_in_executor(None, _malloc_trim, 0)
