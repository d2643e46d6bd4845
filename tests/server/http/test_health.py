"""Whether a server lives, and whether it should be sent anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from walkwire.brokers.memory import MemoryBroker
from walkwire.server.http.health import Health, serve_health
from walkwire.wire.wire import Wire


class Away(MemoryBroker):
    """A broker whose state the test gives."""

    why: str | None = None

    @property
    def away(self) -> str | None:
        return self.why


@pytest.fixture
def broker() -> Away:
    return Away()


@pytest.fixture
def health(broker: Away) -> Health:
    return Health(Wire(broker).peers)


@pytest.fixture
async def http(health: Health) -> AsyncIterator[httpx.AsyncClient]:
    api = FastAPI()
    serve_health(api, health)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://test") as client:
        yield client


async def test_all_is_well(http: httpx.AsyncClient) -> None:
    response = await http.get("/healthz/ready")
    assert (response.status_code, response.json()) == (200, {"ready": True})
    assert response.headers["cache-control"] == "no-store"


async def test_a_server_without_its_broker_lives_and_is_not_ready(
    http: httpx.AsyncClient, broker: Away
) -> None:
    broker.why = "Redis does not answer"
    response = await http.get("/healthz/ready")
    reason = "other servers cannot be reached: Redis does not answer"
    assert (response.status_code, response.json()) == (503, {"ready": False, "reason": reason})
    assert (await http.get("/healthz")).status_code == 200
    broker.why = None
    assert (await http.get("/healthz/ready")).status_code == 200


async def test_a_server_that_stops_says_so_first(http: httpx.AsyncClient, health: Health) -> None:
    health.leave("the server is stopping")
    assert (await http.get("/healthz/ready")).json() == {"ready": False, "reason": "the server is stopping"}
