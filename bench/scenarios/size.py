"""Size: the same walks in databases of a thousand, a hundred thousand and a million nodes of others."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.fill import CROWD, fill
from bench.peer import WALKWIRE, walker_event
from bench.process import ROOT, Running
from bench.scenarios.nothing import CONNECTIONS
from bench.stage import Figures, Scenario, Stage, Subject, ask_once, rate
from walkwire.stores import open_store

SMALL, LARGE, HUGE = 1_000, 100_000, 1_000_000

_FOLDER = ROOT / "bench" / ".cache"


def scenario(sizes: tuple[int, ...] = (SMALL, LARGE, HUGE)) -> Scenario:
    """Walks per CPU second."""
    return Scenario(
        "size",
        "Walks per CPU second, by the number of nodes in the database",
        tuple(Subject(f"{size:,} nodes", partial(_measure, size)) for size in sizes),
        "Make: a node at the public root. In a crowd: at a node that has half of all nodes as neighbours. Read: ten neighbours. "
        "Change: a field of one node, from one connection. The databases are made once and kept in `bench/.cache/`.",
    )


def _measure(size: int, stage: Stage) -> Figures:
    source = _filled(size)
    with stage.serve(WALKWIRE, lambda folder: shutil.copyfile(source, folder / "walkwire.db")) as server:
        shelf = ask_once(server.port, "POST", "/walker/plant")["reports"][0]["id"]
        return {name: _walk(stage, server, event) for name, event in _walks(shelf).items()}


def _walks(shelf: str) -> Mapping[str, str]:
    text = {"text": "a message of some words"}
    return {
        "make": walker_event("make", response=True, context=text),
        "make, in a crowd": walker_event("make", response=True, context=text, node=f"n:Shelf:{CROWD}"),
        "read": walker_event("read", response=True, node=shelf),
        "change": walker_event("change", response=True, node=shelf),
    }


def _walk(stage: Stage, server: Running, event: str) -> float:
    found = stage.load(
        "ask",
        server,
        address=WALKWIRE.address(server.port),
        sockets=1 if '"change"' in event else CONNECTIONS,
        questions=[event],
        answer='"status":200',
        seconds=stage.seconds * 0.7,
        warm_up=0.2,
    )
    return rate(found)


def _filled(size: int) -> Path:
    path = _FOLDER / f"{size}.db"
    if path.exists():
        open_store(f"sqlite:///{path}").close()  # a newer schema is no part of the start
    else:
        _FOLDER.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        fill(unfinished, size)
        unfinished.rename(path)
    return path
