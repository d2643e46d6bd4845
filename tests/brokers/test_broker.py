"""The contract of `broker.py`, over every kind of broker, on real services."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.brokers.service import KINDS, service, url_of
from walkwire.brokers import kind_of, open_broker, suite
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.errors import StartError


@pytest.fixture(params=["memory", *KINDS])
def make(request: pytest.FixtureRequest) -> suite.Make:
    """Makes brokers that hear each other, and nobody else."""
    if request.param == "memory":
        bus = Bus()
        return lambda: MemoryBroker(bus)
    url = f"{url_of(request.param)}?prefix=test-{secrets.token_hex(4)}."
    return lambda: open_broker(url)


@pytest.mark.parametrize("check", suite.CHECKS, ids=suite.name)
async def test_the_contract(check: suite.Check, make: suite.Make) -> None:
    await check(make)


def test_a_broker_is_chosen_by_its_url() -> None:
    assert isinstance(open_broker("memory://"), MemoryBroker)
    assert isinstance(open_broker(), MemoryBroker)
    for url in ("redis://localhost", "rediss://host:7000/1", "unix:///run/redis.sock"):
        assert (open_broker(url).away or "").startswith("Redis: ")
    assert (open_broker("nats://a,b:4223").away or "").startswith("NATS: ")
    assert (open_broker("redis+cluster://a,b:7000").away or "").startswith("Redis cluster: ")
    with pytest.raises(StartError, match="No broker of the kind 'rabbit'"):
        open_broker("rabbit://localhost")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis://localhost:port", "Not a URL of Redis: .*"),
        ("redis://localhost/?colour=red", "Not a URL of Redis: .*colour.*"),
        ("nats://localhost:port", "Not a URL of NATS: .*"),
        ("nats://localhost?colour=red", "NATS takes .*, not colour"),
    ],
)
def test_a_url_that_does_not_fit_is_refused_in_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        open_broker(url)


@pytest.mark.parametrize("kind", KINDS)
def test_no_password_is_shown(kind: str) -> None:
    assert "hush" not in str(open_broker(f"{kind}://ada:hush@localhost").away)


async def test_redis_at_a_unix_socket_is_reached(tmp_path: Path) -> None:
    with service("redis", tmp_path, "--unixsocket", "redis.sock"):
        url = f"unix://{tmp_path / 'redis.sock'}?prefix=shop.&db=1"
        assert (await kind_of(url).version(url)).startswith("Redis ")
