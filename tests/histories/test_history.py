"""The contract of `history.py`, over every kind of history, on real services."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.service import Kind, url_of
from tests.brokers.test_redis_cluster import Nodes, nodes  # noqa: F401 - a fixture
from tests.databases import ENGINES, database
from tests.histories.following import DurableServer
from walkwire.brokers import open_broker
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.histories import open_history, shared_suite, suite
from walkwire.histories.memory import MemoryHistory
from walkwire.stores import open_store

SHARED = ("redis", "cluster", "nats")


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    kind: str = request.param
    prefix = f"test-{secrets.token_hex(4)}."
    if kind == "memory":
        yield "memory://"
    elif kind == "cluster":
        made: Nodes = request.getfixturevalue("nodes")
        yield made.url(prefix)
    elif kind == "nats":
        yield f"{request.getfixturevalue('jetstream')}?prefix={prefix}"
    else:
        only: Kind = "redis"
        yield f"{url_of(only)}?prefix={prefix}"


@pytest.fixture
def make(url: str) -> suite.Make:
    if url == "memory://":
        return lambda: suite.Probe(MemoryBroker(), MemoryHistory())
    return lambda: suite.Probe(open_broker(url), open_history(url))


@pytest.mark.parametrize("url", ["memory", *SHARED], indirect=True)
@pytest.mark.parametrize("check", suite.CHECKS, ids=suite.name)
async def test_the_contract(check: suite.Check, make: suite.Make) -> None:
    await check(make)


@pytest.mark.parametrize("url", ["memory", "redis", "cluster"], indirect=True)
@pytest.mark.parametrize("check", suite.LEVEL_CHECKS, ids=suite.name)
async def test_the_contract_of_levels(check: suite.Check, make: suite.Make) -> None:
    await check(make)


@pytest.mark.parametrize("url", SHARED, indirect=True)
@pytest.mark.parametrize("check", suite.SHARED_CHECKS, ids=suite.name)
async def test_the_contract_between_servers(check: suite.Check, make: suite.Make) -> None:
    await check(make)


@pytest.fixture
def make_durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[suite.Make]:
    """Servers on one database of their own, and a broker in memory that they share."""
    engine, most = request.param
    bus = Bus()
    with database(engine, tmp_path) as url:
        yield lambda: DurableServer(MemoryBroker(bus), open_store(url), most)


# A durable stream is kept whether it is open or not, and has no bound in bytes.
DURABLE_LEVELS = (
    suite.each_stream_has_its_own_count,
    suite.entries_end_with_their_age,
    suite.a_level_of_nothing_keeps_only_places,
)
# What is published to many topics at once is written to each of them like anything else. While a database opens a stream, a
# publisher that never waits appends more than the check reads.
DURABLE_SHARED = tuple(
    check
    for check in suite.SHARED_CHECKS
    if check is not shared_suite.a_message_to_many_topics_is_an_entry_of_each
    and check is not shared_suite.what_is_published_while_a_stream_is_opened_is_heard_once
)


@pytest.mark.parametrize("make_durable", [(engine, None) for engine in ENGINES], ids=ENGINES, indirect=True)
@pytest.mark.parametrize("check", [*suite.CHECKS, *DURABLE_LEVELS], ids=suite.name)
async def test_the_contract_of_durable_streams(check: suite.Check, make_durable: suite.Make) -> None:
    await check(make_durable)


# What one server hears in another order it reads: it has to be kept for that.
@pytest.mark.parametrize("make_durable", [("postgres", 100_000)], ids=["postgres"], indirect=True)
@pytest.mark.parametrize("check", DURABLE_SHARED, ids=suite.name)
async def test_the_contract_of_durable_streams_between_servers(
    check: suite.Check, make_durable: suite.Make
) -> None:
    await check(make_durable)
