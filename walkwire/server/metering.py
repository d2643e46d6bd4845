"""Metering: puts clocks and counters around the runtime, the store and the broker, without any of them knowing.

Nothing here is made unless METRICS or TRACES is set, so a server without them pays nothing.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, Protocol, TypeVar, cast

from starlette.types import ASGIApp

from walkwire.broker import Broker
from walkwire.config import Config
from walkwire.errors import PublicError, StartError
from walkwire.history import History
from walkwire.server.http.health import Health
from walkwire.server.http.metrics import Render
from walkwire.server.notifier import Notifier
from walkwire.server.outcome import outcome_of
from walkwire.server.readings import MetricValue
from walkwire.store import Store, View
from walkwire.walk.run.answer import WalkAnswer
from walkwire.walk.run.request import Later, WalkRequest
from walkwire.walk.run.runtime import Runtime
from walkwire.walk.run.threads import Mailbox
from walkwire.walk.unit.record import Watcher
from walkwire.wire.door import ignore
from walkwire.wire.hub import Hub
from walkwire.wire.wire import Wire

T = TypeVar("T")
ReadAll = Callable[[], list[MetricValue]]


class WalkMeter(Protocol):
    """Receives what is measured of walks. `server/metrics` implements it."""

    def walk_ended(self, walker: str, outcome: str, seconds: float) -> None:
        """Count a walk that ended, and its seconds."""

    def walk_retried(self, walker: type) -> None:
        """Count one more attempt of a walk."""


class MeteredRuntime(Runtime):
    """A runtime that reports each walk to `meter`. What follows the meter is as for `Runtime`."""

    def __init__(self, meter: WalkMeter, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, on_retry=meter.walk_retried, **options)
        self._meter = meter

    async def run(self, request: WalkRequest) -> WalkAnswer:
        """Walk, as `Runtime.run`. Waiting for a thread and for locks counts as the walk's time."""
        started = perf_counter()
        outcome = "scheduled" if isinstance(request.mode, Later) else "ok"
        try:
            return await super().run(request)
        except BaseException as error:
            outcome = outcome_of(error)
            raise
        finally:
            self._meter.walk_ended(request.walker.__name__, outcome, perf_counter() - started)


def _unchanged(value: T) -> T:
    return value


def _ignore_hub(hub: Hub) -> None:
    pass


def _ignore_server(wire: Wire, health: Health, readings: ReadAll) -> None:
    pass


Observe = Callable[[str, float], None]
"""Is given the name of a call and the seconds that it took."""


def metered_store(store: Store, observe: Observe) -> Store:
    """Return the store with timed calls, its views included. A call that raises is reported to `observe` as well."""
    return cast(Store, _MeteredStore(store, observe))


def metered_broker(broker: Broker, observe: Callable[[float], None]) -> Broker:
    """Return the broker, and report to `observe` how many seconds it takes to accept a message.

    One message is timed at a time. Messages that are published meanwhile are not.
    """
    return cast(Broker, _MeteredBroker(broker, observe))


@dataclass(frozen=True, slots=True)
class Meters:
    """Where the rooms of a server are measured. As it is made without arguments, nothing is.

    - metered_store, metered_broker: return what they are given, with clocks around it
    - make_runtime: as `Runtime`
    - on_delivery: see `Hub`; None where nobody counts
    - on_refusal: called with each error that a client is sent
    - add_server: called once with the wire, the server's health, and a function that returns what else can be read
    - make_notifier: as `Notifier`
    - traced_history, traced_api: return what they are given, with spans around it
    - watchers: of walks
    - look_at: called once with the hub
    - close: called at the end, in a thread
    - render: returns all that was measured, given the header `Accept`; None where METRICS is off
    """

    metered_store: Callable[[Store], Store] = _unchanged
    metered_broker: Callable[[Broker], Broker] = _unchanged
    make_runtime: Callable[..., Runtime] = Runtime
    on_delivery: Callable[[str, int], None] | None = None
    on_refusal: Callable[[PublicError], None] = ignore
    add_server: Callable[[Wire, Health, ReadAll], None] = _ignore_server
    render: Render | None = None
    make_notifier: Callable[[Mailbox, Hub], Notifier] = Notifier
    traced_history: Callable[[History], History] = _unchanged
    traced_api: Callable[[ASGIApp], ASGIApp] = _unchanged
    watchers: tuple[Watcher, ...] = ()
    look_at: Callable[[Hub], None] = _ignore_hub
    close: Callable[[], None] | None = None


def open_meters(config: Config) -> Meters:
    """Return what METRICS and TRACES ask for. Raises StartError if a library that they need is not installed."""
    meters = _with_metrics() if config.metrics else Meters()
    return _with_traces(meters) if config.traces else meters


def _with_metrics() -> Meters:
    try:
        from walkwire.server.metrics import Metrics
    except ModuleNotFoundError:
        raise StartError(
            "METRICS needs the package prometheus-client: pip install 'walkwire[metrics]'"
        ) from None
    metrics = Metrics()
    return Meters(
        metered_store=partial(metered_store, observe=metrics.store_called),
        metered_broker=partial(metered_broker, observe=metrics.published),
        make_runtime=partial(MeteredRuntime, metrics),
        on_delivery=metrics.delivered,
        on_refusal=metrics.refused,
        add_server=metrics.add_server,
        render=metrics.render,
    )


def _with_traces(meters: Meters) -> Meters:
    try:
        from walkwire.server.tracing.export import make_provider
        from walkwire.server.tracing.requests import RequestSpans
        from walkwire.server.tracing.spans import Spans
        from walkwire.server.tracing.walks import WalkSpans
        from walkwire.server.tracing.wire import WireSpans
    except ModuleNotFoundError:
        raise StartError("TRACES needs the library of OpenTelemetry: pip install 'walkwire[otel]'") from None
    provider = make_provider()
    spans = Spans(provider.get_tracer("walkwire"))
    walks = WalkSpans(spans)
    wire = WireSpans(spans, walks)
    count = meters.on_delivery

    def on_delivery(kind: str, connections: int) -> None:
        wire.delivered(kind, connections)
        if count is not None:
            count(kind, connections)

    return replace(
        meters,
        metered_broker=lambda broker: wire.broker(meters.metered_broker(broker)),
        on_delivery=on_delivery,
        make_notifier=wire.notifier,
        traced_history=wire.history,
        traced_api=partial(RequestSpans, spans=spans),
        watchers=(walks,),
        look_at=wire.look_at,
        close=provider.shutdown,
    )


_TOLD = {"commit_all": "commit"}  # commits of several walks in one transaction are one call


class _Metered:
    """Stands for `target`. Each of its public methods is timed; everything else is the target's own."""

    def __init__(self, target: Any, observe: Observe) -> None:
        self._target = target
        self._observe = observe

    def __getattr__(self, name: str) -> Any:
        """Called for what is not found otherwise: once for each method, as its timed form is kept."""
        value = getattr(self._target, name)
        if name.startswith("_") or not callable(value):
            return value
        observe, told = self._observe, _TOLD.get(name, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            started = perf_counter()
            try:
                return value(*arguments, **options)
            finally:
                observe(told, perf_counter() - started)

        self.__dict__[name] = timed
        return timed

    def expect(self, *arguments: Any) -> None:
        """Pass on: it takes no time."""
        self._target.expect(*arguments)


class _MeteredStore(_Metered):
    """A store whose views are timed, too."""

    def latest(self) -> View:
        """Return a timed view of the newest commits."""
        return cast(View, _Metered(self._target.latest(), self._observe))

    def snapshot(self) -> AbstractContextManager[View]:
        """Return a timed view of one moment."""
        return self._snapshot()

    @contextmanager
    def _snapshot(self) -> Iterator[View]:
        with self._target.snapshot() as view:
            yield cast(View, _Metered(view, self._observe))

    def close(self) -> None:
        """Close the store. Not timed."""
        self._target.close()


class _MeteredBroker:
    """Stands for a broker, and times one message at a time."""

    def __init__(self, broker: Broker, observe: Callable[[float], None]) -> None:
        self._broker = broker
        self._observe = observe
        self._started: float | None = None  # of the message that is being measured

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def publish(self, topic: str, message: bytes) -> None:
        """Publish, and time the message unless another is being timed."""
        started = perf_counter()
        self._broker.publish(topic, message)
        if self._started is not None:
            return
        taken = self._broker.when_published()
        if taken is None:
            self._observe(perf_counter() - started)
        else:
            self._started = started
            taken.add_done_callback(self._taken)

    def _taken(self, taken: Future[None]) -> None:
        started, self._started = self._started, None
        if started is not None and not taken.cancelled() and taken.exception() is None:
            self._observe(perf_counter() - started)
