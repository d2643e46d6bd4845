"""Metrics: what a server counts, as Prometheus reads it (text format 0.0.4). Served where METRICS says so."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from walkwire.server.http.health import Health
from walkwire.wire.wire import Wire

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def serve_metrics(api: FastAPI, wire: Wire, health: Health) -> None:
    """Add /metrics. With several workers each request is answered by one of them, for itself."""

    async def show(request: Request) -> Response:
        return Response("".join(_lines(wire, health)), media_type=_TYPE)

    api.add_route("/metrics", show, include_in_schema=False)


def _lines(wire: Wire, health: Health) -> Iterator[str]:
    counts = wire.peers.counts
    gauges = {
        "connections": ("Sockets that are connected", len(wire.hub.clients)),
        "ready": ("Whether anybody should be sent here: 1 or 0", int(health.trouble is None)),
        "broker_up": ("Whether other servers can be reached: 1 or 0", int(wire.peers.away is None)),
    }
    counters = {
        "untold": ("Notifications that reached only this server", wire.peers.untold),
        "cut_off": ("Clients that did not read what they were sent", wire.turn.cut_off),
        "broker_published": ("Messages given to the broker", counts.published),
        "broker_received": ("Messages taken from the broker", counts.received),
        "broker_lost": ("Messages refused, or on their way when the broker went", counts.lost),
        "broker_returns": ("How often the broker came back", counts.returns),
        "broker_faults": ("Listeners and deliveries that failed", counts.faults),
    }
    for name, (about, value) in gauges.items():
        yield f"# HELP walkwire_{name} {about}.\n# TYPE walkwire_{name} gauge\nwalkwire_{name} {value}\n"
    for name, (about, value) in counters.items():
        full = f"walkwire_{name}_total"
        yield f"# HELP {full} {about}.\n# TYPE {full} counter\n{full} {value}\n"
