"""Make: a walker that makes and connects one node, beside one bare insert and commit of SQLAlchemy; SQLite both."""

from __future__ import annotations

import json
import tempfile

from bench.peer import FASTAPI_POST, WALKWIRE, Peer, walker_event
from bench.process import python, run
from bench.scenarios.nothing import CONNECTIONS, figures
from bench.stage import Bars, Figures, Scenario, Stage, Subject, server_core

_BODY = {"text": "a message of some words"}


def scenario() -> Scenario:
    """Nodes, or rows, per CPU second."""
    return Scenario(
        "make",
        "A walker that makes and connects one node: nodes committed",
        (
            Subject("SQLAlchemy, nothing around", _bare),
            Subject("FastAPI, POST, `def`", lambda stage: _post(stage, FASTAPI_POST, "/item")),
            Subject("walkwire, REST", lambda stage: _post(stage, WALKWIRE, "/walker/make")),
            Subject("walkwire, socket", _ask),
        ),
        f"{CONNECTIONS} connections, each with one call at a time; WAL, `synchronous=NORMAL`. A walker writes two rows, a node "
        "and an edge, the others one.",
        pictures=(Bars("per CPU second", "One node, or row, committed: per CPU second"),),
    )


def _bare(stage: Stage) -> Figures:
    with tempfile.TemporaryDirectory(prefix="walkwire-bench-") as folder:
        arguments = (folder, str(stage.seconds), str(server_core()))
        found = json.loads(run(python("bench.peers.table", *arguments), 60))
    return figures(found)


def _post(stage: Stage, peer: Peer, path: str) -> Figures:
    with stage.serve(peer) as server:
        found = stage.load(
            "post",
            server,
            port=server.port,
            connections=CONNECTIONS,
            path=path,
            body=json.dumps(_BODY),
            answer='"reports":[{"id"',
            seconds=stage.seconds,
        )
    return figures(found)


def _ask(stage: Stage) -> Figures:
    with stage.serve(WALKWIRE) as server:
        found = stage.load(
            "ask",
            server,
            address=WALKWIRE.address(server.port),
            sockets=CONNECTIONS,
            questions=[walker_event("make", response=True, context=_BODY)],
            answer='"reports":[{"id"',
            seconds=stage.seconds,
        )
    return figures(found)
