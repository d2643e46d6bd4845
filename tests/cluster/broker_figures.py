"""Broker figures: what one process brings to a broker, gets from it, and how soon all is subscribed again after a restart."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.table import number
from tests.brokers.service import KINDS, Service, service
from tests.cluster.page import Page, Row
from walkwire.brokers import open_broker

TOPIC, MESSAGE = "figures", b"m" * 200
TOPICS = 100_000


def publish(page: Page) -> None:
    """Messages published and received a second, and topics subscribed again."""
    count, rounds, topics = (50_000, 1, 10_000) if page.is_quick else (400_000, 5, TOPICS)
    rows: list[Row] = []
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder, service(kind, Path(folder)) as broker:
            sent = statistics.median(sent_alone(broker.url, count) for _ in range(rounds))
            got = statistics.median(asyncio.run(_received(broker.url, count)) for _ in range(rounds))
            again = statistics.median(asyncio.run(_restored(broker, topics)) for _ in range(rounds))
        rows.append(
            {
                "broker": kind,
                "published a second": number(sent),
                "received a second": number(got),
                f"{topics:,} topics subscribed again": f"{again:.2f} s",
            }
        )
        page.judge(f"{kind}: messages published a second by one process", sent, 50_000, "/s", at_most=False)
        page.judge(f"{kind}: {topics:,} topics subscribed again", again, 3, "s")
    page.table(
        "One process and its broker",
        rows,
        "Messages of 200 bytes, pipelined. Received: what another process publishes. Subscribed again: from the broker's return "
        "to the last confirmation, the pause between two attempts to connect included.",
    )


def sent_alone(url: str, count: int) -> float:
    """Messages a second to a topic, all confirmed."""
    return asyncio.run(_published(url, count))


async def _published(url: str, count: int) -> float:
    broker = open_broker(url)
    await broker.start(lambda topic, message: None)
    start = time.perf_counter()
    for sent in range(count):
        broker.publish(TOPIC, MESSAGE)
        if sent % 100 == 99:
            await asyncio.sleep(0)
        if sent % 20_000 == 19_999 and (taken := broker.when_published()) is not None:
            await taken
    if (taken := broker.when_published()) is not None:
        await taken
    rate = count / (time.perf_counter() - start)
    await broker.stop()
    return rate


async def _received(url: str, count: int) -> float:
    broker = open_broker(url)
    times: list[float] = []
    is_over = asyncio.Event()
    left = count

    def take(topic: str, message: bytes) -> None:
        nonlocal left
        left -= 1
        if left in (count - 1, 0):
            times.append(time.perf_counter())
        if not left:
            is_over.set()

    await broker.start(take)
    broker.subscribe((TOPIC,))
    if (settled := broker.when_subscribed()) is not None:
        await settled
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        sending = asyncio.get_running_loop().run_in_executor(pool, sent_alone, url, count)
        await asyncio.wait_for(is_over.wait(), 120)
        await sending
    await broker.stop()
    return count / (times[1] - times[0])


async def _restored(service: Service, count: int) -> float:
    broker = open_broker(service.url)
    await broker.start(lambda topic, message: None)
    broker.subscribe(f"u.{place:024x}" for place in range(count))
    if (settled := broker.when_subscribed()) is not None:
        await settled
    service.kill()
    while broker.away is None:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.001)
    service.start()
    start = time.perf_counter()
    while broker.away is not None:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.001)
    took = time.perf_counter() - start
    await broker.stop()
    return took
