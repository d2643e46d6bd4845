"""Postgres: reading ten nodes and making one on PostgreSQL, beside bare FastAPI and psycopg on the same tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from bench.peer import FASTAPI_POSTGRES, WALKWIRE_POSTGRES, Peer, walker_event
from bench.postgres import ITEMS, SHELF, database, server
from bench.scenarios.nothing import CONNECTIONS, figures
from bench.stage import Bars, Figures, Scenario, Stage, Subject

BARE = "FastAPI, psycopg, `async def`"

_WARM_UP = 1.0  # seconds

_BODY = {"text": "a message of some words"}
_REFERENCE = f"n:Shelf:{SHELF}"

_NOTES = (
    f"{CONNECTIONS} connections, each with one call at a time. Rates are per CPU second of the server alone; what PostgreSQL's "
    "own processes took for a call is in a column of its own."
)


def read_ten() -> Scenario:
    """Reads per CPU second."""
    event = walker_event("read", response=True, node=_REFERENCE)
    answer = json.dumps({"reports": [list(ITEMS)]}, separators=(",", ":"))[1:-1]
    return _scenario(
        "read-ten",
        "A walker that enters a node and reads its ten neighbours, on PostgreSQL: calls",
        {
            BARE: _post(FASTAPI_POSTGRES, f"/read/{SHELF}", "", answer),
            "walkwire, REST": _post(WALKWIRE_POSTGRES, f"/walker/read/{_REFERENCE}", "", answer),
            "walkwire, socket": _ask(event, answer),
        },
    )


def make_one() -> Scenario:
    """Nodes per CPU second."""
    event = walker_event("make", response=True, context=_BODY)
    body, answer = json.dumps(_BODY), '"reports":[{"id"'
    return _scenario(
        "make-one",
        "A walker that makes and connects one node, on PostgreSQL: nodes committed",
        {
            BARE: _post(FASTAPI_POSTGRES, "/item", body, answer),
            "walkwire, REST": _post(WALKWIRE_POSTGRES, "/walker/make", body, answer),
            "walkwire, socket": _ask(event, answer),
        },
    )


def _scenario(name: str, title: str, measures: Mapping[str, Callable[[Stage], Figures]]) -> Scenario:
    missing = None if server() is not None else "PostgreSQL"
    subjects = tuple(Subject(subject, measure, missing) for subject, measure in measures.items())
    return Scenario(name, title, subjects, _NOTES, pictures=(Bars("per CPU second", title),))


def _post(peer: Peer, path: str, body: str, answer: str) -> Callable[[Stage], Figures]:
    return lambda stage: _measure(stage, peer, "post", answer, path=path, body=body)


def _ask(event: str, answer: str) -> Callable[[Stage], Figures]:
    return lambda stage: _measure(stage, WALKWIRE_POSTGRES, "ask", answer, questions=[event])


def _measure(stage: Stage, peer: Peer, kind: Literal["post", "ask"], answer: str, **task: Any) -> Figures:
    with database() as url, stage.serve(peer.on(url)) as running:
        if kind == "post":
            task |= {"port": running.port, "connections": CONNECTIONS}
        else:
            task |= {"address": peer.address(running.port), "sockets": CONNECTIONS}
        found = stage.load(
            kind,
            running,
            answer=answer,
            seconds=stage.seconds,
            warm_up=_WARM_UP,  # the pools fill
            beside=f" {url.rpartition('/')[2]} ",
            **task,
        )
    shown = figures(found)
    own = {
        "CPU ms": found["cpu"] / found["count"] * 1000,
        "CPU ms of PostgreSQL": found["beside"] / found["count"] * 1000,
    }
    return {"per CPU second": shown.pop("per CPU second"), **own, **shown}
