"""Work for a client that has disconnected is ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import HTTPException, Request

from walkwire.server.http.gone import unless_gone


class Client:
    """What the server hears of a client: nothing, until it goes."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.request = Request({"type": "http"}, self._receive)
        self._told = False

    async def _receive(self) -> dict[str, Any]:
        if not self._told:
            self._told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def test_the_answer_is_given_to_who_stays() -> None:
    async def work() -> int:
        return 7

    assert await unless_gone(Client().request, work()) == 7


async def test_an_error_is_given_to_who_stays() -> None:
    async def work() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await unless_gone(Client().request, work())


@pytest.mark.parametrize("is_client", [True, False], ids=["client", "server"])
async def test_the_work_ends_when_the_client_or_the_server_does(is_client: bool) -> None:
    client, begun, ended = Client(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(unless_gone(client.request, work()))
    await begun.wait()
    if is_client:
        client.gone.set()
    else:
        waiting.cancel()
    with pytest.raises(HTTPException if is_client else asyncio.CancelledError):
        await waiting
    await ended.wait()
