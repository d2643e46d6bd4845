"""JetStream: nobody waits for an answer that cannot come, and a good connection is not given up for a bad one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from tests.brokers.service import Service, service
from walkwire.brokers.nats import read_nats_url
from walkwire.errors import Unreached
from walkwire.histories import jetstream
from walkwire.histories.jetstream import JetStream

SOON = 15.0  # seconds, on a machine where others are at work


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Service]:
    with service("nats", tmp_path, "-js", "-sd", str(tmp_path / "store")) as started:
        yield started


@pytest.fixture
async def stream(running: Service) -> AsyncIterator[JetStream]:
    settings, prefix, _ = read_nats_url(running.url)
    made = JetStream(settings, prefix, 60.0)
    yield made
    await made.close()


async def test_what_was_asked_on_a_connection_that_broke_fails_while_others_are_answered(
    running: Service, stream: JetStream
) -> None:
    assert await stream.last("c.den") is None
    line = stream._line
    assert line is not None
    running.freeze()
    lost = asyncio.ensure_future(stream.last("c.den"))
    while not line.client._resp_map:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    running.kill()
    running.start()
    async with asyncio.timeout(SOON):
        while not lost.done():
            with suppress(Unreached):
                await stream.last("c.den")
    with pytest.raises(Unreached):
        await lost


async def test_a_connection_is_not_given_up_for_the_one_before_it(stream: JetStream) -> None:
    await stream.last("c.den")
    before = stream._line
    assert before is not None
    await stream._drop(before)
    await stream.last("c.den")
    after = stream._line
    assert after is not None
    await stream._drop(before)
    assert stream._line is after
    assert await stream.last("c.den") is None


async def test_everybody_fails_with_the_one_attempt_to_reach_a_service_that_hangs(
    running: Service, stream: JetStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "OPENING_SECONDS", 0.3)
    connect, attempts = jetstream.connect, []

    async def counted(settings: dict[str, Any], prefix: str) -> Client:
        attempts.append(prefix)
        return await connect(settings, prefix)

    monkeypatch.setattr(jetstream, "connect", counted)
    running.freeze()
    try:
        asked = [stream.last(f"c.{number}") for number in range(20)]
        results = await asyncio.gather(*asked, return_exceptions=True)
    finally:
        running.thaw()
    assert [type(result) for result in results] == [Unreached] * 20
    assert len(attempts) == 1
    async with asyncio.timeout(SOON):
        while stream._line is None:
            with suppress(Unreached):
                await stream.last("c.den")


async def test_who_waits_for_a_connection_fails_when_it_is_closed(
    running: Service, stream: JetStream
) -> None:
    running.freeze()
    try:
        asked = asyncio.ensure_future(stream.last("c.den"))
        while stream._opening is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        await stream.close()
        with pytest.raises(Unreached):
            await asked
    finally:
        running.thaw()


async def test_a_page_of_which_a_message_was_lost_on_its_way_is_none(
    stream: JetStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = 0
    for text in (b"one", b"two", b"three"):
        last = await stream.write("c.den", last, text) or 0
    assert [each.data for each in await stream.fetch("c.den", 1, last, 10)] == [b"one", b"two", b"three"]
    next_msg, lost = Subscription.next_msg, iter([True])

    async def lossy(subscription: Subscription, **given: Any) -> Any:
        if next(lost, False):
            await next_msg(subscription, **given)
        return await next_msg(subscription, **given)

    monkeypatch.setattr(Subscription, "next_msg", lossy)
    with pytest.raises(Unreached):
        await stream.fetch("c.den", 1, last, 10)
    assert len(await stream.fetch("c.den", 1, last, 10)) == 3
