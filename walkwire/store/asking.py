"""Asking: the one way to call a store from an event loop. A store's calls block, so they run in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import ParamSpec, TypeVar

THREADS = 8

P = ParamSpec("P")
T = TypeVar("T")


class Asking:
    """A bounded pool of threads for calls of a store, shared by all parts of a server that call it from the event loop.

    Walks do not use it: they call the store in threads of their own. Use it as an asynchronous context manager.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, "store")

    async def ask(self, question: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Call `question` in a thread, and return what it returns. Raises what it raises.

        A cancelled caller gets no answer. The call itself goes on, unless it was still waiting for a thread.
        """
        call = partial(question, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def close(self) -> None:
        """Wait for the calls under way, cancel those that wait for a thread, and end the threads."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def __aenter__(self) -> Asking:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
