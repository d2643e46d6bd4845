"""Aside: the thread in which long input is read (`bounds.LONG`), while the event loop does something else.

It is one thread. The interpreter runs one thread at a time, so that several would read nothing faster, and the event loop would
wait for its turn behind each of them.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_thread = ThreadPoolExecutor(1, "aside")


async def aside(read: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call `read` in the thread, with the context of the caller, and return what it returns. Raises what it raises.

    What was asked for before comes first. A caller who is cancelled meanwhile leaves the line.
    """
    call = partial(contextvars.copy_context().run, partial(read, *arguments, **options))
    return await asyncio.get_running_loop().run_in_executor(_thread, call)
