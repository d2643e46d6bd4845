"""The route by which Prometheus reads what a server counts."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from tests.server.conftest import Serve
from walkwire.config import Config
from walkwire.wire.hub import Hub
from walkwire.wire.message.notification import Notification


async def test_connections_and_the_broker_are_counted(serve: Serve, hub: Hub) -> None:
    http = serve(config=Config(metrics=True))
    hub.notify(Notification("channels", ("lobby",), b"1"))
    response = await http.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    found = {
        name: (family.type, family.samples[0].value)
        for name, family in families.items()
        if len(family.samples) == 1
    }
    assert found["walkwire_connections"] == ("gauge", 0)
    assert found["walkwire_ready"] == ("gauge", 1)
    assert found["walkwire_broker_up"] == ("gauge", 1)
    assert found["walkwire_queue_bytes"] == ("gauge", 0)
    assert found["walkwire_broker_published"] == ("counter", 1)
    for name in ("untold", "cut_off", "broker_received", "broker_lost", "broker_returns", "broker_faults"):
        assert found[f"walkwire_{name}"][0] == "counter"
        assert [sample.name for sample in families[f"walkwire_{name}"].samples] == [f"walkwire_{name}_total"]
    assert "_created" not in response.text


async def test_a_scraper_that_asks_for_openmetrics_gets_it(serve: Serve) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    response = await serve(config=Config(metrics=True)).get("/metrics", headers=accept)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert {"walkwire_connections", "walkwire_walks"} <= {
        family.name for family in open_metrics(response.text)
    }


async def test_nobody_is_shown_them_unless_it_was_asked_for(serve: Serve) -> None:
    assert (await serve().get("/metrics")).status_code == 404
