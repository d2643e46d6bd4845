"""Stage: what a scenario is given: servers on one core, load from another, and how long to measure."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.peer import Peer
from bench.process import Running, python, run, running

Figures = dict[str, float]

ALL = "latest"  # the page of what is measured where nothing else is asked for
LOAD_SECONDS = 180.0  # after which a load client is given up


@dataclass(frozen=True)
class Subject:
    """One row: a name, and what gives its figures. `missing` says what it needs that is not here."""

    name: str
    measure: Callable[[Stage], Figures]
    missing: str | None = None


@dataclass(frozen=True)
class Bars:
    """A picture of one figure: a bar for each subject."""

    figure: str
    title: str


@dataclass(frozen=True)
class Curves:
    """A picture of several figures of one kind: a curve for each subject, `at` so much of something for each figure."""

    title: str
    at: Mapping[str, float]


@dataclass(frozen=True)
class Scenario:
    """A table. `title` says what is counted. Where `together`, all subjects are measured at the same time, as when all idle.

    `rounds` limits the rounds, for what takes long and varies little. `group` is the name of the page that it is on. `notes` go
    below the table, `pictures` are drawn beside it.
    """

    name: str
    title: str
    subjects: tuple[Subject, ...]
    notes: str = ""
    together: bool = False
    rounds: int | None = None
    group: str = ALL
    pictures: tuple[Bars | Curves, ...] = ()


@dataclass
class Stage:
    """`seconds` is the length of one measurement. `windows` is filled with what each load client saw of the machine."""

    seconds: float
    windows: list[dict[str, float]] = field(default_factory=list)

    def serve(
        self, peer: Peer, prepare: Callable[[Path], object] = lambda folder: None
    ) -> AbstractContextManager[Running]:
        """Start a server, alone on its core. Raises NotStarted."""
        return running(peer.command, server_core(), prepare, peer.root)

    def load(self, kind: str, server: Running, **task: Any) -> Any:
        """Do a measurement of `bench/load`. Raises RuntimeError."""
        order = {"kind": kind, "core": client_core(), "pid": server.pid, **task}
        found = json.loads(run(python("bench.load"), LOAD_SECONDS, json.dumps(order)))
        self.windows += [one for one in (found if isinstance(found, list) else [found]) if "others" in one]
        return found


def server_core() -> int:
    """The core of the servers."""
    return max(os.sched_getaffinity(0))


def client_core() -> int:
    """The core of the load: another one, where there are two."""
    return min(os.sched_getaffinity(0))


def rate(found: dict[str, float]) -> float:
    """How many per CPU second of the server."""
    return found["count"] / found["cpu"]


def ask_once(port: int, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """One request, outside of any measurement; its JSON, if it is. Raises RuntimeError unless it is answered with success."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path} was answered {answer.status} {content[:200]!r}")
    return json.loads(content) if "json" in answer.getheader("Content-Type", "") else None
