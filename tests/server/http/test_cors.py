"""Pages of the allowed origins may use REST, and no others."""

from __future__ import annotations

import pytest

from tests.server.conftest import Serve
from walkwire.config import Config
from walkwire.walk.walker.specs import specs
from walkwire.walk.walker.walker import Walker

PRODUCTION = Config(production=True, origins=("https://shop.example",))


@specs(auth=False)
class open_one(Walker):
    pass


@pytest.mark.parametrize(
    ("origin", "config", "allowed"),
    [
        ("http://localhost:5173", Config(), True),
        ("https://localhost", Config(), True),
        ("http://app.localhost:3000", Config(), True),
        ("http://0.0.0.0:3000", Config(), True),
        ("http://[::1]:3000", Config(), True),
        ("http://127.0.0.1", Config(), True),
        ("capacitor://localhost", Config(), True),
        ("http://localhost.attacker.example", Config(), False),
        ("http://notlocalhost", Config(), False),
        ("http://attacker.example", Config(), False),
        ("null", Config(), False),
        ("https://shop.example", PRODUCTION, True),
        ("http://localhost:5173", PRODUCTION, False),
    ],
)
async def test_a_page_may_read_answers_if_its_origin_is_allowed(
    origin: str, config: Config, allowed: bool, serve: Serve
) -> None:
    client = serve(open_one, config=config)
    answer = await client.post("/walker/open_one", headers={"Origin": origin})
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
    asking = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = await client.options("/walker/open_one", headers=asking)
    assert answer.status_code == (200 if allowed else 400)
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


@pytest.mark.parametrize("config", [Config(), PRODUCTION])
async def test_in_development_a_page_may_send_the_headers_that_clients_send(
    config: Config, serve: Serve
) -> None:
    origin = "http://localhost:5173" if config is not PRODUCTION else PRODUCTION.origins[0]
    asking = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "accept, authorization, cache-control, content-type, "
        "idempotency-key, x-csrf-token, x-requested-with",
    }
    answer = await serve(open_one, config=config).options("/walker/open_one", headers=asking)
    assert answer.status_code == (400 if config.production else 200)
    allowed = answer.headers["access-control-allow-headers"]
    assert ("x-requested-with" in allowed) is not config.production
    assert answer.headers["access-control-allow-credentials"] == "true"
    told = await serve(open_one, config=config).post("/walker/open_one", headers={"Origin": origin})
    assert told.headers["access-control-allow-origin"] == origin


async def test_in_production_a_page_of_a_named_origin_may_send_cookies_and_no_other(serve: Serve) -> None:
    client = serve(open_one, config=PRODUCTION)
    for origin, allowed in ((PRODUCTION.origins[0], "true"), ("https://other.example", None)):
        asking = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, x-csrf-token",
        }
        answer = await client.options("/walker/open_one", headers=asking)
        assert answer.status_code == (200 if allowed else 400)
        told = await client.post("/walker/open_one", headers={"Origin": origin})
        for headers in (answer.headers, told.headers):
            assert headers.get("access-control-allow-origin") == (origin if allowed else None)
    told = await serve(open_one, config=Config(production=True)).post(
        "/walker/open_one", headers={"Origin": "http://test"}
    )
    assert "access-control-allow-credentials" not in told.headers


async def test_errors_can_be_read_by_the_page_too(serve: Serve) -> None:
    answer = await serve(open_one).post("/walker/nothing", headers={"Origin": "http://localhost:5173"})
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"


async def test_what_no_page_asks_is_answered_without_a_word_of_it(serve: Serve) -> None:
    answer = await serve(open_one).post("/walker/open_one")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "vary" not in answer.headers


async def test_what_a_cache_may_keep_says_that_it_depends_on_the_origin(serve: Serve) -> None:
    answer = await serve(open_one).get("/healthz")
    assert answer.headers["vary"] == "Origin"


async def test_health_is_answered(serve: Serve) -> None:
    assert (await serve().get("/healthz")).status_code == 200
