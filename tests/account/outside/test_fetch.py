"""What a provider answers is bounded in time and size, and goes nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from walkwire.account.outside import fetch
from walkwire.account.outside.fetch import LARGEST, Fetcher, ProviderAway


@asynccontextmanager
async def answering(*parts: bytes, stays: bool = False) -> AsyncIterator[str]:
    """A server that sends these bytes to everybody; yields its URL."""
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
        await writer.drain()
        if stays:
            await gone.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        gone.set()
        server.close()
        await server.wait_closed()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def test_an_object_is_fetched(fetcher: Fetcher) -> None:
    async with answering(ok(b'{"a": 1}')) as url:
        assert await fetcher.get(url) == {"a": 1}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ok(b"[]"), "no object"),
        (ok(b"<html>"), "without JSON"),
        (ok(b"\xff"), "without JSON"),
        (ok(b'{"a":' * 100_000), "more than|without JSON"),
        (ok(b"x" * (LARGEST + 1)), "more than"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\n{}",
            "answered with 302",
        ),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", "answered with 500"),
        (b"nonsense\r\n\r\n", "cannot be reached"),
        (b"", "cannot be reached"),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
async def test_anything_else_is_as_if_the_provider_were_away(
    answer: bytes, reason: str, fetcher: Fetcher
) -> None:
    async with answering(answer) as url:
        with pytest.raises(ProviderAway, match=reason):
            await fetcher.get(url)


async def test_a_provider_that_sends_drop_by_drop_is_away(
    fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.05)
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", stays=True) as url:
        with pytest.raises(ProviderAway, match="cannot be reached: TimeoutError"):
            await fetcher.get(url)


async def test_nothing_is_sent_in_the_clear(fetcher: Fetcher) -> None:
    with pytest.raises(ProviderAway, match="neither https"):
        await fetcher.post("http://id.example/token", {"code": "x"}, ("a", "b"))
