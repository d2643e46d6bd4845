"""Traces over two servers and a real broker: from a request to the deliveries on both."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.service import url_of
from tests.databases import database
from walkwire import Node, Root, Walker, on_entry, socket, specs
from walkwire.testing import Served, serve

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"


class Note(Node):
    pass


@specs(methods=["post", "websocket"], auth=False)
class write(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        here.connect(Note())
        socket.notify_channels(["den"], {"written": True})


@specs(methods=["post"], auth=False)
class fail(Walker):
    @on_entry
    def raise_it(self, here: Root) -> None:
        raise ValueError("a secret")


class Spans:
    """The spans of all servers, by name."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def names(self) -> set[str]:
        return {span.name for span in self._exporter.get_finished_spans()}

    def clear(self) -> None:
        self._exporter.clear()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    from walkwire.server.tracing import export

    exporter = InMemorySpanExporter()
    monkeypatch.setattr(export, "make_processor", lambda: SimpleSpanProcessor(exporter))
    return Spans(exporter)


@pytest.fixture
async def servers(spans: Spans, tmp_path: Path) -> AsyncIterator[tuple[Served, Served]]:
    program = sys.modules[__name__]
    with database("postgres", tmp_path) as url:
        settings: dict[str, Any] = {"database": url, "broker": url_of("redis"), "traces": True}
        settings["history"] = {"kept:*": "durable"}
        async with serve(program, **settings) as one, serve(program, **settings) as other:
            yield one, other


def is_below(child: ReadableSpan, parent: ReadableSpan) -> bool:
    return (
        child.parent is not None
        and child.parent.span_id == parent.context.span_id
        and child.context.trace_id == parent.context.trace_id
    )


def is_given(span: ReadableSpan) -> bool:
    """Return whether the parent of a span is the one that the test has sent."""
    return (
        span.parent is not None
        and f"{span.parent.trace_id:032x}" == TRACE
        and f"{span.parent.span_id:016x}" == PARENT
    )


def instances(spans: Iterable[ReadableSpan]) -> list[Any]:
    return [span.resource.attributes["service.instance.id"] for span in spans]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_request_is_followed_to_the_deliveries_on_both_servers(
    servers: tuple[Served, Served], spans: Spans
) -> None:
    one, other = servers
    async with (
        one.public().socket("den") as here,
        other.public().socket("den") as there,
    ):
        for listener in (here, there):
            await listener.receive()  # its greeting
        headers = {"traceparent": GIVEN}
        reply = await asyncio.create_task(
            one.public().request("POST", "/walker/write", json={}, headers=headers)
        )
        assert reply.status == 200
        for listener in (here, there):
            assert await listener.receive() == {"written": True}
    request = spans.one("POST walker write")
    walk, commit, notify = spans.one("walk write"), spans.one("commit"), spans.one("notify channels")
    assert is_given(request)
    assert is_below(walk, request)
    assert is_below(commit, walk)
    assert is_below(notify, commit)
    deliveries = spans.named("deliver")
    assert len(deliveries) == 2
    assert all(is_below(delivery, notify) for delivery in deliveries)
    assert [attributes(delivery)["walkwire.connections"] for delivery in deliveries] == [1, 1]
    assert len(set(instances(deliveries))) == 2
    assert attributes(commit)["walkwire.new"] == 2


async def test_a_walk_over_the_socket_begins_a_trace_and_an_error_shows_no_text(
    servers: tuple[Served, Served], spans: Spans
) -> None:
    one, _ = servers
    async with one.public().socket() as client:
        await client.receive()  # its greeting
        await client.send({"type": "walker", "walker": "write", "id": 1})
        await client.receive()
    walk = spans.one("walk write")
    assert walk.parent is None
    assert "walkwire.client" in attributes(walk)
    await asyncio.create_task(one.public().post("fail"))
    failed = spans.one("walk fail")
    assert not failed.status.is_ok
    assert "secret" not in failed.to_json()


async def test_an_event_of_a_client_is_followed_to_the_deliveries_on_both_servers(
    servers: tuple[Served, Served], spans: Spans
) -> None:
    one, other = servers
    async with one.public().socket("den") as here, other.public().socket("den") as there:
        greeting = await here.receive()
        await there.receive()
        event = {"type": "channel", "channel_ids": ["den"], "data": {"text": "a secret"}, "id": 1}
        await here.send(event | {"traceparent": GIVEN})
        assert await there.receive() == {"text": "a secret"}
    notify = spans.one("notify channels")
    assert notify.parent is None  # version 1 has no field for it
    assert attributes(notify)["walkwire.client"] == greeting["data"]["client_id"]
    assert "secret" not in notify.to_json()
    deliveries = spans.named("deliver")
    assert all(is_below(delivery, notify) for delivery in deliveries)
    assert len(set(instances(deliveries))) == 2


@pytest.mark.parametrize("channel", ["den", "kept:den"])
async def test_what_clients_of_version_2_send_is_followed_to_streams_of_other_servers(
    servers: tuple[Served, Served], spans: Spans, channel: str
) -> None:
    one, other = servers
    async with one.public().stream() as here, other.public().stream(channel) as there:
        await here.ask("channel", channel_ids=[channel], data={"n": 1}, traceparent=GIVEN)
        assert (await there.receive())["data"] == {"n": 1}
        await here.ask("channel", channel_ids=[channel], data={"n": 2}, traceparent="nonsense")
        assert (await there.receive())["data"] == {"n": 2}
    notify, untold = spans.named("notify channels")
    assert is_given(notify)
    assert untold.parent is None
    delivery, last = spans.named("deliver")
    assert is_below(delivery, notify)
    assert is_below(last, untold)
    assert instances([delivery]) != instances([notify])
    assert attributes(delivery)["walkwire.connections"] == 1


async def test_a_walk_that_an_event_of_version_2_asks_for_is_below_the_span_of_the_client(
    servers: tuple[Served, Served], spans: Spans
) -> None:
    one, other = servers
    async with one.public().stream() as here, other.public().stream("den") as there:
        await here.ask("walker", walker="write", traceparent=GIVEN)
        assert (await there.receive())["data"] == {"written": True}
        await here.ask("walker", walker="write")
    first, second = spans.named("walk write")
    assert is_given(first)
    assert second.parent is None
    assert is_below(spans.named("deliver")[0], spans.named("notify channels")[0])


async def test_requests_without_walkers_have_spans_that_show_their_routes(
    servers: tuple[Served, Served], spans: Spans
) -> None:
    one, _ = servers
    ada = await one.user("ada@example.com")
    await asyncio.create_task(
        ada.request("POST", "/user/logout-all?secret=1", headers={"traceparent": GIVEN})
    )
    await asyncio.create_task(one.public().request("GET", "/nothing/secret"))
    await asyncio.create_task(one.public().request("GET", "/healthz/live"))
    info = spans.one("POST /user/logout-all")
    assert is_given(info)
    assert attributes(info)["http.response.status_code"] == 200
    assert attributes(spans.one("GET"))["http.response.status_code"] == 404
    assert "POST /user/register" in spans.names()
    assert not any("healthz" in name for name in spans.names())
    assert "secret" not in info.to_json() + spans.one("GET").to_json()


async def test_walks_commit_together_with_and_without_traces(
    spans: Spans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from walkwire.walk.run import threads

    together: list[int] = []

    def count(walks: Any, commit: Any) -> Any:
        together.append(len(walks))
        return commit_all(walks, commit)

    commit_all = threads.commit_all
    monkeypatch.setattr(threads, "commit_all", count)
    with database("sqlite", tmp_path) as url:
        async with serve(sys.modules[__name__], database=url, traces=True) as served:
            posts = [asyncio.create_task(served.public().post("write")) for _ in range(40)]
            assert {reply.status for reply in await asyncio.gather(*posts)} == {200}
    assert max(together) > 1
    walks, commits, notes = (spans.named(name) for name in ("walk write", "commit", "notify channels"))
    assert len(walks) == len(commits) == len(notes) == 40
    for kinds in (
        zip(by_trace(commits), by_trace(walks), strict=True),
        zip(by_trace(notes), by_trace(commits), strict=True),
    ):
        assert all(is_below(child, parent) for child, parent in kinds)


def by_trace(spans: Iterable[ReadableSpan]) -> list[ReadableSpan]:
    return sorted(spans, key=lambda span: span.context.trace_id)


async def test_spans_are_sent_to_a_collector_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.path.encode() + self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        async with serve(sys.modules[__name__], traces=True) as served:
            await asyncio.create_task(served.public().post("write"))
        collector.shutdown()
    assert all(one.startswith(b"/v1/traces") for one in sent)
    assert all(name in b"".join(sent) for name in (b"walk write", b"notify channels", b"service.instance.id"))


def test_without_the_setting_nothing_is_imported_and_without_the_library_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "from walkwire.config import Config\n"
        "from walkwire.errors import StartError\n"
        "from walkwire.server.metering import Meters, open_meters\n"
        "assert open_meters(Config()) == Meters()\n"
        "assert 'walkwire.server.tracing' not in sys.modules\n"
        "try: open_meters(Config(traces=True))\n"
        "except StartError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == "TRACES needs the library of OpenTelemetry: pip install 'walkwire[otel]'\n"
