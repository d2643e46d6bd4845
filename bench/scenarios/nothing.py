"""Nothing: a walker that does nothing, over REST and over the socket, beside a FastAPI endpoint that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.peer import FASTAPI_POST, WALKWIRE, Peer, walker_event
from bench.stage import Bars, Figures, Scenario, Stage, Subject, ask_once, rate

CONNECTIONS = 32
SIDE_BY_SIDE = 8  # walks of one connection, as many as the protocol allows

_ACCOUNT = {"email": "bench@example.com", "password": "a-password-of-the-bench"}


def scenario() -> Scenario:
    """Calls per CPU second."""
    with_ids = [walker_event("nothing", id=number) for number in range(SIDE_BY_SIDE)]
    return Scenario(
        "nothing",
        "A walker that does nothing: calls",
        (
            Subject("FastAPI, POST, `async def`", lambda stage: post(stage, FASTAPI_POST, "/nothing-async")),
            Subject("FastAPI, POST, `def`", lambda stage: post(stage, FASTAPI_POST, "/nothing")),
            Subject("walkwire, REST", lambda stage: post(stage, WALKWIRE, "/walker/nothing")),
            Subject("walkwire, REST, signed in", _post_signed_in),
            Subject("walkwire, socket, `response`", lambda stage: ask(stage, "nothing")),
            Subject("walkwire, socket, `async` ability", lambda stage: ask(stage, "nothing_async")),
            Subject(
                "walkwire, socket, `id`, 8 at a time", lambda stage: _ask_with(stage, with_ids, '"ok":true')
            ),
        ),
        f"{CONNECTIONS} connections, each with one call at a time, in a closed loop; with `id`: "
        f"{CONNECTIONS // SIDE_BY_SIDE} connections with {SIDE_BY_SIDE}.",
        pictures=(Bars("per CPU second", "A walker that does nothing: calls per CPU second"),),
    )


def post(stage: Stage, peer: Peer, path: str) -> Figures:
    """Calls over REST."""
    with stage.serve(peer) as server:
        found = stage.load(
            "post",
            server,
            port=server.port,
            connections=CONNECTIONS,
            path=path,
            body="",
            answer='"reports":[]',
            seconds=stage.seconds,
        )
    return figures(found)


def _post_signed_in(stage: Stage) -> Figures:
    with stage.serve(WALKWIRE) as server:
        ask_once(server.port, "POST", "/user/register", _ACCOUNT)
        token = ask_once(server.port, "POST", "/user/login", _ACCOUNT)["token"]
        found = stage.load(
            "post",
            server,
            port=server.port,
            connections=CONNECTIONS,
            path="/walker/nothing_signed_in",
            body="",
            answer='"reports":[]',
            seconds=stage.seconds,
            headers={"Authorization": f"Bearer {token}"},
        )
    return figures(found)


def ask(stage: Stage, walker: str, peer: Peer = WALKWIRE) -> Figures:
    """Calls over the socket, one at a time on each."""
    return _ask_with(stage, [walker_event(walker, response=True)], '"reports":[]', peer)


def _ask_with(stage: Stage, questions: Sequence[str], answer: str, peer: Peer = WALKWIRE) -> Figures:
    with stage.serve(peer) as server:
        found = stage.load(
            "ask",
            server,
            address=peer.address(server.port),
            sockets=CONNECTIONS // len(questions),
            questions=questions,
            answer=answer,
            seconds=stage.seconds,
        )
    return figures(found)


def figures(found: dict[str, Any]) -> Figures:
    """What is shown of calls in a closed loop."""
    shown = {"per CPU second": rate(found), "per second": found["count"] / found["wall"]}
    if "p50" in found:
        shown |= {"p50 ms": found["p50"] * 1000, "p99 ms": found["p99"] * 1000}
    return shown
