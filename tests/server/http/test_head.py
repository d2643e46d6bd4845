"""The head of a request: its name, and a proxy that nobody has named."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from walkwire.server.http.head import HeadCheck


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


def ask(head: HeadCheck, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """The head of the answer to a request with these headers."""
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "http_version": "1.1",
        "query_string": b"",
        "headers": [(b"host", b"x"), *headers],
    }
    asyncio.run(head(scope, receive, send))
    return {"status": told[0]["status"], **dict(told[0]["headers"])}


@pytest.mark.parametrize("given", [b"a-1.b_2", b"x" * 64])
def test_a_plain_name_is_kept(given: bytes) -> None:
    assert ask(HeadCheck(answer, 10), (b"x-request-id", given))[b"x-request-id"] == given


@pytest.mark.parametrize("given", [b"", b"x" * 65, b"a b", b"a\nb", "ä".encode()])
def test_another_gets_a_new_one(given: bytes) -> None:
    named = ask(HeadCheck(answer, 10), (b"x-request-id", given))[b"x-request-id"]
    assert len(named) == 16
    assert named != given


def test_two_hosts_are_refused_with_a_name_too() -> None:
    told = ask(HeadCheck(answer, 10), (b"host", b"y"))
    assert told["status"] == 400
    assert b"x-request-id" in told


@pytest.mark.parametrize(("has_proxies", "warnings"), [(False, 1), (True, 0)])
def test_a_proxy_that_nobody_has_named_is_told_of_once(
    has_proxies: bool, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    head = HeadCheck(answer, 10, has_proxies=has_proxies)
    for _ in range(3):
        ask(head, (b"x-forwarded-for", b"192.0.2.1"))
    assert caplog.text.count("TRUSTED_PROXIES") == warnings
