"""Metrics: what a server counts and times, kept by prometheus-client. Made only where METRICS is set.

`docs/deployment.md` lists them. All names begin with `walkwire_`, but for those of the process and of its garbage collector. Each
server has a registry of its own, so several may live in one process.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from walkwire.server.http.health import Health
from walkwire.server.outcome import CODES, outcome_of
from walkwire.server.readings import MetricValue
from walkwire.wire.rates import REASONS
from walkwire.wire.wire import Wire

KINDS = ("users", "channels", "clients")

# Upper bounds in seconds. A walk that only reads takes less than a millisecond.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters and histograms of one server. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        build = {"version": version("walkwire"), "python": platform.python_version()}
        Info("walkwire_build", "The versions of walkwire and Python", registry=self._registry).info(build)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._walks = self._counter("walks", "Walks that ended, by outcome", "walker", "outcome")
        self._retries = self._counter(
            "walk_retries", "Attempts that were repeated after a conflict", "walker"
        )
        self._deliveries = self._counter(
            "deliveries", "Notifications put to a connection of this server", "kind"
        )
        self._refusals = self._counter("refusals", "Errors sent to clients, by code", "code")
        self._walk_seconds = self._histogram(
            "walk_seconds", "Time from the request for a walk to its end", "walker"
        )
        self._store_seconds = self._histogram("store_seconds", "Time of a call to the database", "call")
        self._broker_seconds = self._histogram("broker_seconds", "Time until the broker has a message")
        for kind in KINDS:
            self._deliveries.labels(kind)
        for code in (*sorted(CODES), "program"):
            self._refusals.labels(code)

    def add_server(self, wire: Wire, health: Health, read_all: Callable[[], list[MetricValue]]) -> None:
        """Add what is read when metrics are asked for. Call it once, on the event loop."""
        self._registry.register(_Server(wire, health))
        self._registry.register(_Readings(read_all()))

    def walk_ended(self, walker: str, outcome: str, seconds: float) -> None:
        """Count a walk. `outcome` is one of `outcome_of`, "ok" or "scheduled"."""
        self._walks.labels(walker, outcome).inc()
        self._walk_seconds.labels(walker).observe(seconds)

    def walk_retried(self, walker: type) -> None:
        """Count one more attempt of a walk."""
        self._retries.labels(walker.__name__).inc()

    def delivered(self, kind: str, connections: int) -> None:
        """Count a notification that was put to so many connections. `kind` is that of the notification."""
        self._deliveries.labels(kind).inc(connections)

    def refused(self, error: Exception) -> None:
        """Count an error that is sent to a client, whether over REST or a socket."""
        self._refusals.labels(outcome_of(error)).inc()

    def store_called(self, call: str, seconds: float) -> None:
        """Record how long the database took. `call` is the method's name."""
        self._store_seconds.labels(call).observe(seconds)

    def published(self, seconds: float) -> None:
        """Record how long the broker took to accept a message."""
        self._broker_seconds.observe(seconds)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their content type, in the format that the header `Accept` asks for; by default the text
        format 0.0.4."""
        encode, content_type = choose_encoder(accept)
        return encode(_WithoutCreated(self._registry)), content_type

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"walkwire_{name}", about, labels, registry=self._registry)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(f"walkwire_{name}", about, labels, registry=self._registry, buckets=_BUCKETS)


class _Server(Collector):
    """Reads gauges and the wire's own counts at the moment they are asked for."""

    def __init__(self, wire: Wire, health: Health) -> None:
        self._wire = wire
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Yield the values as they are now."""
        wire, counts = self._wire, self._wire.peers.counts
        yield _gauge("connections", "Sockets that are connected", len(wire.hub.clients))
        yield _gauge("ready", "Whether anybody should be sent here: 1 or 0", self._health.trouble is None)
        yield _gauge("broker_up", "Whether other servers can be reached: 1 or 0", wire.peers.away is None)
        yield _gauge("queue_bytes", "Bytes that wait to be sent to clients", wire.queued_bytes)
        refused = CounterMetricFamily(
            "walkwire_connections_refused",
            "Connections refused or closed by a limit, by reason",
            labels=["reason"],
        )
        for reason, count in wire.connections.refused.items():
            refused.add_metric([reason], count)
        yield refused
        yield _gauge(
            "held_bytes", "Bytes unfinished or unsent when they were measured last", wire.memory.size
        )
        yield _count("untold", "Notifications that reached only this server", wire.peers.untold)
        yield _count("cut_off", "Clients that did not read what they were sent", wire.turn.cut_off)
        yield _limited(wire)
        yield _count("broker_published", "Messages given to the broker", counts.published)
        yield _count("broker_received", "Messages taken from the broker", counts.received)
        yield _count("broker_lost", "Messages refused, or on their way when the broker went", counts.lost)
        yield _count("broker_returns", "How often the broker came back", counts.returns)
        yield _count("broker_faults", "Listeners and deliveries that failed", counts.faults)


class _Readings(Collector):
    """Calls each reading at the moment when metrics are asked for."""

    def __init__(self, readings: list[MetricValue]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Yield the values as they are now."""
        for reading in self._readings:
            kind = GaugeMetricFamily if reading.kind == "gauge" else CounterMetricFamily
            value, labels = reading.value(), [reading.label] if reading.label else None
            family = kind(f"walkwire_{reading.name}", reading.about, labels=labels)
            for label, number in (value if isinstance(value, Mapping) else {"": value}).items():
                family.add_metric([label] if labels else [], number)
            yield family


class _WithoutCreated(Collector):
    """Leaves out the time at which each counter was made, which the text format would show as one more series each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Yield the registry's metrics without their times of creation."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"walkwire_{name}", about, value)


def _limited(wire: Wire) -> Metric:
    about = "How often clients were over a rate, by whose it was; closed: they were over it for too long"
    family = CounterMetricFamily("walkwire_limited", about, labels=["reason"])
    for reason in REASONS:
        family.add_metric([reason], 0 if wire.rates is None else wire.rates.limited[reason])
    return family


def _count(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"walkwire_{name}", about, value)
