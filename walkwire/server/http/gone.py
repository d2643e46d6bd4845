"""Gone: ends the work for a client that disconnects before it is answered. uvicorn does not end it.

Both ways raise HTTPException, which nobody hears.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")

_GONE = (499, "Client Closed Request")


@contextmanager
def disconnecting() -> Iterator[None]:
    """Raise HTTPException if the client disconnects while its body is read in this block.

    FastAPI would make one itself, in a frame that its traceback refers to: both would stay, with all of the body that had come.
    """
    try:
        yield
    except ClientDisconnect:
        raise HTTPException(*_GONE) from None


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, or cancel it once the client has disconnected, and raise HTTPException, which nobody hears.

    Call it when the body of the request has been read.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return await working
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        raise HTTPException(*_GONE)
    finally:
        working.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
