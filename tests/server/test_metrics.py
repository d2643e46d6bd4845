"""What a server with METRICS counts and times, read as Prometheus reads it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from walkwire import Node, Root, Walker, on_entry, socket, specs
from walkwire.errors import PublicError
from walkwire.server.metrics import CODES
from walkwire.testing import Served, serve

REPOSITORY = Path(__file__).parent.parent.parent

HAS_READ, MAY_GO_ON = threading.Event(), threading.Event()


class Mark(Node):
    pass


@specs(methods=["post", "websocket"])
class mark(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        here.connect(Mark())


@specs(methods=["post"])
class count_slowly(Walker):
    @on_entry
    def count(self, here: Root) -> None:
        found = len(here.out(Mark))
        if not HAS_READ.is_set():
            HAS_READ.set()
            MAY_GO_ON.wait(30)
        here.connect(Mark())
        self.report(found)


@specs(methods=["post", "websocket"])
class refuse(Walker):
    code: str

    @on_entry
    def raise_it(self, here: Root) -> None:
        raise PublicError(self.code, "No.")


@specs(methods=["post"])
class fail(Walker):
    @on_entry
    def raise_it(self, here: Root) -> None:
        raise ValueError("a fault")


@specs(methods=["post"])
class tell(Walker):
    @on_entry
    def send(self, here: Root) -> None:
        socket.notify_channels(["room"], "hello")


class Read:
    """All samples of a server, by name and labels."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def value(self, name: str, **labels: str) -> float | None:
        found = [
            sample.value
            for sample in self._samples
            if sample.name == f"walkwire_{name}" and sample.labels == labels
        ]
        return found[0] if found else None

    def labels(self, name: str, label: str) -> set[str]:
        return {sample.labels[label] for sample in self._samples if sample.name == f"walkwire_{name}"}


async def read(app: Served) -> Read:
    reply = await app.public().request("GET", "/metrics")
    assert reply.status == 200
    return Read(reply.content.decode())


def program() -> Any:
    return sys.modules[__name__]


async def test_walks_are_counted_by_walker_and_outcome_and_timed() -> None:
    async with serve(program(), metrics=True) as app:
        ada = await app.user()
        await ada.post("mark")
        await ada.post("mark")
        await ada.post("refuse", code="sold_out")
        await ada.post("refuse", code="busy")
        await ada.post("fail")
        found = await read(app)
        assert found.value("walks_total", walker="mark", outcome="ok") == 2
        assert found.value("walks_total", walker="refuse", outcome="program") == 1
        assert found.value("walks_total", walker="refuse", outcome="busy") == 1
        assert found.value("walks_total", walker="fail", outcome="internal") == 1
        assert found.value("walk_seconds_count", walker="mark") == 2
        assert found.value("walk_seconds_bucket", walker="mark", le="+Inf") == 2
        assert 0 < (found.value("walk_seconds_sum", walker="mark") or 0) < 60


async def test_attempts_that_are_repeated_are_counted() -> None:
    HAS_READ.clear()
    MAY_GO_ON.clear()
    async with serve(program(), metrics=True) as app:
        ada = await app.user()
        slow = asyncio.ensure_future(ada.post("count_slowly"))
        assert await asyncio.to_thread(HAS_READ.wait, 10)
        await ada.post("mark")
        MAY_GO_ON.set()
        assert (await slow).reports == [1]
        found = await read(app)
        assert found.value("walk_retries_total", walker="count_slowly") == 1
        assert found.value("walks_total", walker="count_slowly", outcome="ok") == 1
        assert found.value("walk_retries_total", walker="mark") is None


async def test_deliveries_are_counted_for_each_connection_by_kind() -> None:
    async with serve(program(), metrics=True) as app:
        ada, bob = await app.user(), await app.user()
        async with ada.socket("room") as first, bob.socket("room") as second:
            await first.receive()
            await second.receive()
            await ada.post("tell")
            assert await first.receive() == await second.receive() == "hello"
            found = await read(app)
            assert found.value("deliveries_total", kind="channels") == 2
            assert found.value("deliveries_total", kind="users") == 0
            assert found.value("connections") == 2
            assert found.value("queue_bytes") == 0
            assert found.value("broker_seconds_count") == 1


async def test_errors_sent_over_rest_and_over_a_socket_are_counted_by_code() -> None:
    async with serve(program(), metrics=True) as app:
        ada = await app.user()
        await ada.post("refuse", code="sold_out")
        await ada.post("refuse")  # without its field: 422
        await ada.post("mark", node=f"n:Mark:{24 * chr(48)}")
        await ada.post("fail")
        async with ada.socket() as connected:
            await connected.receive()
            await connected.send({"type": "walker", "walker": "nobody", "id": 1})
            await connected.receive()
        found = await read(app)
        for code in ("program", "bad_event", "no_access", "internal", "unknown_walker"):
            assert found.value("refusals_total", code=code) == 1, code
        assert found.value("refusals_total", code="conflict") == 0


async def test_calls_to_the_database_are_timed_by_name() -> None:
    async with serve(program(), metrics=True) as app:
        ada = await app.user()
        await ada.post("mark")
        found = await read(app)
        assert {"commit", "add_user", "user_by_email"} <= found.labels("store_seconds_count", "call")
        assert found.value("store_seconds_count", call="commit") == 1
        assert found.value("store_seconds_count", call="add_user") == 1


def test_each_error_of_walkwire_has_a_code_that_is_a_label() -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "UnknownWalker": (),
        "KeyReused": (),
        "KeySpent": (True,),
        "Conflict": (),
        "Busy": (),
        "Unreached": (),
        "CommitInDoubt": (),
        "Internal": (),
        "TimedOut": (),
    }

    def kinds(kind: type[PublicError]) -> list[type[PublicError]]:
        return [one for base in kind.__subclasses__() for one in (base, *kinds(base))]

    own = [kind for kind in kinds(PublicError) if kind.__module__ == "walkwire.errors"]
    assert {kind(*arguments.get(kind.__name__, ("",))).code for kind in own} == CODES  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["from walkwire.server.app import open_app", "import walkwire.testing"])
def test_the_library_is_needed_only_where_metrics_are_on(code: str) -> None:
    check = f"import sys; sys.modules['prometheus_client'] = None; {code}"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_metrics_without_the_library_say_what_to_install() -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from walkwire.config import Config\n"
        "from walkwire.errors import StartError\n"
        "from walkwire.server.metering import open_meters\n"
        "try: open_meters(Config(metrics=True))\n"
        "except StartError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == "METRICS needs the package prometheus-client: pip install 'walkwire[metrics]'\n"


async def _families(app: Served) -> dict[str, set[str]]:
    """The metrics of a server by the names of Prometheus, each with its labels."""
    text = (await app.http.get("/metrics")).text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = labels
    return found


async def test_the_table_of_the_docs_has_every_metric_and_no_other() -> None:
    async with serve(program(), metrics=True) as app:
        await (await app.user()).post("mark")
        found = await _families(app)
    page = (REPOSITORY / "docs" / "deployment.md").read_text()
    rows = re.findall(
        r"^\| (`\w+`(?:, `\w+`)*) \| (?:counter|gauge|histogram) \| (.*?) \|", page, re.MULTILINE
    )
    told = {
        name: set(re.findall(r"`(\w+)`", labels.partition(":")[0]))
        for names, labels in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    assert set(told) == set(found)
    for name, labels in found.items():
        assert labels <= told[name], name
    assert len(found) >= 40
    for name in found:
        assert re.fullmatch(r"(walkwire|process|python)_[a-z_]+", name)


async def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    async with serve(program(), metrics=True) as app:
        names = set(await _families(app))
    dashboard = json.loads((REPOSITORY / "deploy" / "grafana" / "walkwire.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"\b(?:walkwire|process|python)_\w+", target["expr"])
    }
    assert {
        name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in asked
    } <= names
    assert len(asked) >= 30
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)
