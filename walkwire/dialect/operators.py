"""Operators: what Jac's operators and statements mean, one small function each. Translated programs call them as `_jac.…`.

Where a list of nodes may stand, one node may stand as well. What needs no graph is plain Python in a translated program.
"""

from __future__ import annotations

import contextvars
import dataclasses
import sys
import threading
from abc import ABCMeta as ABCMeta
from abc import abstractmethod as abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from enum import Enum as Enum
from enum import auto as auto
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from walkwire.dialect.bases import Archetype as ObjArchetype  # noqa: F401 - a base of translated classes
from walkwire.dialect.bases import EdgeArchetype as EdgeArchetype
from walkwire.dialect.bases import JacList as JacList
from walkwire.dialect.bases import NodeArchetype as NodeArchetype
from walkwire.dialect.bases import WalkerArchetype as WalkerArchetype
from walkwire.dialect.bases import behind_bases as behind_bases
from walkwire.dialect.bases import behind_bases_07 as behind_bases_07
from walkwire.dialect.hops import Test, listed
from walkwire.dialect.hops import hop as hop
from walkwire.dialect.hops import hop_to_end as hop_to_end
from walkwire.store import Direction
from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.edge import Edge as Edge
from walkwire.walk.archetypes.edge import GenericEdge as GenericEdge
from walkwire.walk.archetypes.handle import resolve
from walkwire.walk.archetypes.node import Node as Node
from walkwire.walk.archetypes.node import as_edge, as_types
from walkwire.walk.archetypes.obj import Obj as Obj
from walkwire.walk.archetypes.root import Root as Root
from walkwire.walk.context import current
from walkwire.walk.unit.unit import Alone
from walkwire.walk.walker.ability import Disengage, has_async
from walkwire.walk.walker.ability import on_entry as on_entry
from walkwire.walk.walker.ability import on_exit as on_exit
from walkwire.walk.walker.verbs import jobj
from walkwire.walk.walker.verbs import root as root
from walkwire.walk.walker.walker import Walker as Walker
from walkwire.walk.walker.walker import (
    add_ignored,
    add_report,
    add_visit,
    aspawn_from,
    is_on_a_loop,
    spawn_from,
)

# Archetypes


def each(factory: Callable[[], Any]) -> Any:
    """`has x: list = [];` and every default that is no constant: asked for anew for each instance."""
    return dataclasses.field(default_factory=factory)


def later() -> Any:
    """`has x: int by postinit;`"""
    return dataclasses.field(init=False)


def is_a(value: Any, kind: Any) -> bool:
    """`` (`?kind) ``: `isinstance` under a name that no program has."""
    return isinstance(value, kind)


static = staticmethod


# Connecting


def connect(left: Any, right: Any, edge: Any = None) -> list[Any]:
    """`left ++> right`, each with each; gives the nodes on the right.

    `edge` is a class, an edge (of which every pair after the first has a copy), or what `edge_with` gave.
    """
    graph = current().graph
    nodes = listed(right)
    for near in listed(left):
        for far in nodes:
            graph.connect(near, far, _edge(edge))
    return nodes


def connect_in(left: Any, right: Any, edge: Any = None) -> list[Any]:
    """`left <++ right`: edges from the right to the left; gives the nodes on the left."""
    return connect(right, left, edge)


def edge_with(kind: Any, /, **values: Any) -> Callable[[], Edge]:
    """`+>:kind:name=value:+>`: makes an edge with these values, anew for each pair."""

    def made() -> Edge:
        if not isinstance(kind, type):
            edge: Edge = _edge(kind)
            rest = values
        else:
            given = {field.name for field in dataclasses.fields(kind) if field.init} & values.keys()
            edge = kind(**{name: values[name] for name in given})
            rest = {name: value for name, value in values.items() if name not in given}
        for name, value in rest.items():
            if not hasattr(edge, name):
                raise ValueError(f"{type(edge).__name__} has no field {name!r}")
            setattr(edge, name, value)
        return edge

    return made


def disconnect(
    left: Any, right: Any, direction: Direction = "out", edge: Any = None, edge_if: Test = None
) -> bool:
    """`left del --> right`: cuts the edges between them; True if there were any."""
    graph = current().graph
    targets = listed(right)
    cut = False
    for near in listed(left):
        for link, _ in graph.between(near, direction, as_types(edge), targets):
            if edge_if is None or edge_if(graph.edge(link)):
                graph.cut(graph.own(near), link)
                cut = True
    return cut


def _edge(edge: Any) -> Edge:
    if isinstance(edge, Edge) and edge.__jac__.source:
        return _copied(edge)
    return as_edge(edge)


def _copied(edge: Edge) -> Edge:
    twin = type(edge).__new__(type(edge))
    vars(twin).update(vars(edge))
    return twin


def assign(targets: Any, /, **values: Any) -> Any:
    """`cars(=km=0, seen=1)`: the fields set on each; the list is given back."""
    for target in targets:
        for name, value in values.items():
            setattr(target, name, value)
    return targets


# Walking


def spawn(left: Any, right: Any) -> Any:
    """`root spawn w()`, or `w() spawn root`: the walker after its walk, or, on an event loop, something to await for it.

    An `async walker` is something to await in a program that is run, but walks at once in a served one, as in Jac Cloud,
    and while that one is loaded.
    """
    walker, place = (left, right) if isinstance(left, Walker) else (right, left)
    if not isinstance(walker, Walker):
        raise TypeError(f"`spawn` needs a walker: neither {left!r:.60} nor {right!r:.60} is one")
    may_be_awaited = getattr(walker, "__jac_async__", False) or has_async(type(walker))
    if may_be_awaited and is_on_a_loop():
        return aspawn_from(place, walker)
    bridge = current().bridge
    is_run = isinstance(bridge, Alone) and not bridge.is_loading
    if getattr(walker, "__jac_async__", False) and is_run:
        return aspawn_from(place, walker)
    return spawn_from(place, walker)


def visit(walker: Any, places: Any, index: int | None = None) -> bool:
    """`visit places;` or `visit :index: places;` Counted from the end, -1 is behind the last of the queue."""
    return add_visit(walker, places, None if index is None else _place(walker, index))


def visit_steps(walker: Any, steps: list[Any], index: int = -1) -> bool:
    """`visit [edge -->];`: to just these edges and nodes, in their order."""
    trail = walker.__jac__
    wanted = [step for step in steps if step.__jac__.id not in trail.ignored]
    place = _place(walker, index)
    for offset, step in enumerate(wanted):
        trail.queue.insert(place + offset, step)
    return bool(wanted)


def _place(walker: Any, index: int) -> int:
    waiting = len(walker.__jac__.queue)
    return index if index >= 0 else max(0, waiting + 1 + index)


def ignore(walker: Any, places: Any) -> None:
    """`ignore places;`"""
    add_ignored(walker, places)


def disengage(walker: Any) -> NoReturn:
    """`disengage;` ends the walk of a walker."""
    raise Disengage


class Spoken:
    """Whether `report x` prints x as well, as it does when a program of 0.8 or 0.9 is run, not served: `Spoken.on = True`."""

    on: ClassVar[bool] = False


def report(walker: Any, value: Any) -> None:
    """`report value;` by a walker, or, where there is none (None), by the walk in progress."""
    if walker is None:
        current().reports.append(value)
    else:
        add_report(walker, value)


def report_aloud(walker: Any, value: Any) -> None:
    """As `report`; printed too when the program is run from the command line."""
    if Spoken.on:
        print(value)  # noqa: T201 - it is what the program asks for
    report(walker, value)


def destroy(targets: Any) -> None:
    """`del x;`: a node goes with its edges, an edge or a kept object by itself; anything else is left to Python."""
    for target in map(resolve, targets if isinstance(targets, list) else [targets]):
        if isinstance(target, Node | Edge) or (isinstance(target, Archetype) and target.__jac__.version):
            current().graph.delete(target)


def reference(id: Any) -> Any:
    """`&id`: what the reference names."""
    return jobj(id)


# Work beside


def flow(work: Callable[[], Any]) -> Any:
    """`flow f(x)`: begun in a thread of its own; gives a future."""
    future: Future[Any] = Future()
    begun = threading.Event()
    context = contextvars.copy_context()

    def run() -> None:
        begun.set()
        try:
            future.set_result(context.run(work))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    begun.wait()  # of two flows, the first begins first
    return future


def wait(future: Any) -> Any:
    """`wait x`: what a `flow` gives, once it is done."""
    return future.result()


# The module


def test(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """`test name { }`: kept in the module's `__jac_tests__`, in their order."""

    def keep(function: Callable[[], None]) -> Callable[[], None]:
        function.__code__ = function.__code__.replace(co_name=name, co_qualname=name)  # as tracebacks call it
        function.__globals__.setdefault("__jac_tests__", []).append((name, function))
        return function

    return keep


def run_annex(code: Any) -> None:
    """What an annex holds besides bodies, run as a part of its module: code of its own, so that its errors name its file."""
    exec(code, sys._getframe(1).f_globals)  # noqa: S102 - the module's own code, in the module's own names


def look_above(levels: int) -> None:
    """`import from ..shapes { x }` in a module that is in no package: shapes is looked for so many folders above its file."""
    folder = Path(sys._getframe(1).f_globals["__file__"]).resolve().parents[levels]
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def not_here(module: str, name: str, instead: str) -> NoReturn:
    """An import from Jac's own packages of something that has no meaning in walkwire."""
    what = f"{name} of {module}" if name else f"the module {module}"
    advice = f": {instead}" if instead else ""
    raise ImportError(f"walkwire has no counterpart for {what}{advice}", name=module)
