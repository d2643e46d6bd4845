"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

from tests.server.conftest import Serve
from walkwire.config import Config
from walkwire.wire.hub import Hub
from walkwire.wire.message.notification import Notification


async def test_connections_and_the_broker_are_counted(serve: Serve, hub: Hub) -> None:
    http = serve(config=Config(metrics=True))
    hub.notify(Notification("channels", ("lobby",), b"1"))
    response = await http.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = response.text.splitlines()
    for line in (
        "# TYPE walkwire_connections gauge",
        "walkwire_connections 0",
        "walkwire_ready 1",
        "walkwire_broker_up 1",
        "# TYPE walkwire_broker_published_total counter",
        "walkwire_broker_published_total 1",
        "walkwire_untold_total 0",
    ):
        assert line in lines


async def test_nobody_is_shown_them_unless_it_was_asked_for(serve: Serve) -> None:
    assert (await serve().get("/metrics")).status_code == 404
