"""Description: a document about the program that is made when somebody asks for it first, and kept until the program changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Making = Callable[[], bytes]


class Description:
    """A document, cached.

    - begin: called on the event loop; returns what makes the document, which is called in a thread
    """

    def __init__(self, begin: Callable[[], Making]) -> None:
        self._begin = begin
        self._made: asyncio.Future[bytes] | None = None

    async def text(self) -> bytes:
        """Return the document. Concurrent callers share one computation."""
        if self._made is None:
            self._made = asyncio.ensure_future(asyncio.to_thread(self._begin()))
        made = self._made
        try:
            return await asyncio.shield(made)  # a cancelled caller does not cancel it for others
        except Exception:
            if self._made is made:
                self._made = None
            raise

    def forget(self) -> None:
        """Drop the cached document. Call it when what it describes changes."""
        self._made = None
