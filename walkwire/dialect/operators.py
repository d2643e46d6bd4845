"""Operators: Jac's operators and statements, one small function each. Translated programs call them as `_jac.…`.

Parameters for nodes take one node or a list. Operators that need no graph are plain Python in a translated program.

`Any` in this file: values of fields and archetypes of a program, whose types only the program knows.
"""

from __future__ import annotations

import contextvars
import dataclasses
import sys
import threading
from abc import ABCMeta as ABCMeta
from abc import abstractmethod as abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from enum import Enum as Enum
from enum import auto as auto
from pathlib import Path
from types import CodeType, UnionType
from typing import Any, ClassVar, NoReturn, TypeVar, cast

from walkwire.dialect.bases import Archetype as ObjArchetype  # noqa: F401 - a base of translated classes
from walkwire.dialect.bases import EdgeArchetype as EdgeArchetype
from walkwire.dialect.bases import JacList as JacList
from walkwire.dialect.bases import NodeArchetype as NodeArchetype
from walkwire.dialect.bases import WalkerArchetype as WalkerArchetype
from walkwire.dialect.bases import behind_bases as behind_bases
from walkwire.dialect.bases import behind_bases_07 as behind_bases_07
from walkwire.dialect.hops import Nodes, Test, listed
from walkwire.dialect.hops import hop as hop
from walkwire.dialect.hops import hop_to_end as hop_to_end
from walkwire.store import Direction
from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.edge import Edge as Edge
from walkwire.walk.archetypes.edge import GenericEdge as GenericEdge
from walkwire.walk.archetypes.handle import resolve
from walkwire.walk.archetypes.node import EdgeGiven, Graph, as_edge
from walkwire.walk.archetypes.node import Node as Node
from walkwire.walk.archetypes.obj import Obj as Obj
from walkwire.walk.archetypes.root import Root as Root
from walkwire.walk.archetypes.wanted import Classes, edge_types, require_target
from walkwire.walk.current import current
from walkwire.walk.walker.ability import Disengage, has_async
from walkwire.walk.walker.ability import on_entry as on_entry
from walkwire.walk.walker.ability import on_exit as on_exit
from walkwire.walk.walker.verbs import jobj
from walkwire.walk.walker.verbs import root as root
from walkwire.walk.walker.walker import (
    Places,
    add_ignored,
    add_report,
    add_to_answer,
    add_visit,
    aspawn_from,
    is_on_a_loop,
    spawn_from,
)
from walkwire.walk.walker.walker import Walker as Walker

Value = TypeVar("Value")
Targets = TypeVar("Targets", bound=Iterable[object])

# Archetypes


def each(factory: Callable[[], object]) -> Any:
    """Return a field whose default is made for each instance: `has x: list = [];`, and every default that is no constant."""
    return dataclasses.field(default_factory=factory)


def later() -> Any:
    """Return a field that `__init__` does not set: `has x: int by postinit;`."""
    return dataclasses.field(init=False)


def is_a(value: object, kind: type | UnionType | tuple[type, ...]) -> bool:
    """Return whether a value is of a class: `` (`?kind) ``, under a name that no program has."""
    return isinstance(value, kind)


static = staticmethod


# Connecting


def connect(left: Nodes, right: Nodes, edge: EdgeGiven = None) -> list[Node]:
    """Connect each node on the left with each on the right: `left ++> right`. Return the nodes on the right.

    `edge` is a class, an edge (copied for each pair after the first), or the result of `edge_with`.
    """
    graph: Graph = current().graph
    try:
        nodes = listed(right)
        for near in listed(left):
            for far in nodes:
                graph.connect(near, far, _edge(edge))
    except (AttributeError, TypeError):
        for side in (left, right):
            for one in side if isinstance(side, list) else [side]:
                require_target(one, edge)
        raise
    return nodes


def connect_in(left: Nodes, right: Nodes, edge: EdgeGiven = None) -> list[Node]:
    """Connect from right to left: `left <++ right`. Return the nodes on the left."""
    return connect(right, left, edge)


def edge_with(kind: EdgeGiven, /, **values: object) -> Callable[[], Edge]:
    """Return a function that makes an edge with these values: `+>:kind:name=value:+>`.

    It raises ValueError for a field that the edge does not have.
    """

    def made() -> Edge:
        if not isinstance(kind, type):
            edge = _edge(kind)
            rest = values
        else:
            fields = dataclasses.fields(cast("Any", kind))
            given = {field.name for field in fields if field.init} & values.keys()
            edge = cast("type[Edge]", kind)(**{name: values[name] for name in given})
            rest = {name: value for name, value in values.items() if name not in given}
        for name, value in rest.items():
            if not hasattr(edge, name):
                raise ValueError(f"{type(edge).__name__} has no field {name!r}")
            setattr(edge, name, value)
        return edge

    return made


def disconnect(
    left: Nodes, right: Nodes, direction: Direction = "out", edge: Classes = None, edge_if: Test = None
) -> bool:
    """Remove the edges between the nodes on both sides: `left del --> right`. Return whether there were any."""
    graph: Graph = current().graph
    targets = listed(right)
    cut = False
    for near in listed(left):
        for link, _ in graph.between(near, direction, edge_types(edge), targets):
            if edge_if is None or edge_if(graph.edge(link)):
                graph.cut(graph.own(near), link)
                cut = True
    return cut


def _edge(edge: EdgeGiven) -> Edge:
    if isinstance(edge, Edge) and edge.__jac__.source:
        return _copied(edge)
    return as_edge(edge)


def _copied(edge: Edge) -> Edge:
    twin = type(edge).__new__(type(edge))
    vars(twin).update(vars(edge))
    return twin


def assign(targets: Targets, /, **values: object) -> Targets:
    """Set fields on each target: `cars(=km=0, seen=1)`. Return the targets."""
    for target in targets:
        for name, value in values.items():
            setattr(target, name, value)
    return targets


# Walking


def spawn(left: object, right: object) -> Walker | Awaitable[Walker]:
    """Run a walker from a place: `root spawn w()`, or `w() spawn root`. Return it, or something to await that returns it.

    The latter for a walker with async abilities on an event loop, and for an `async walker` in a program that is run. In a served
    program, also while it is loaded, an `async walker` runs at once, as in Jac Cloud.

    Raises TypeError if neither side is a walker.
    """
    walker, given = (left, right) if isinstance(left, Walker) else (right, left)
    if not isinstance(walker, Walker):
        raise TypeError(f"`spawn` needs a walker: neither {left!r:.60} nor {right!r:.60} is one")
    place = cast("Places", given)  # spawning from anything else raises
    is_async = getattr(walker, "__jac_async__", False)
    if (is_async or has_async(type(walker))) and is_on_a_loop():
        return aspawn_from(place, walker)
    if is_async and current().host.spawns_awaitable:
        return aspawn_from(place, walker)
    return spawn_from(place, walker)


def visit(walker: Walker, places: Places, index: int | None = None) -> bool:
    """Add places to the walker's queue: `visit places;` or `visit :index: places;`. Return whether there were any.

    A negative index counts from the end: -1 is behind the last place in the queue.
    """
    return add_visit(walker, places, None if index is None else _queue_index(walker, index))


def visit_steps(walker: Walker, steps: list[Node | Edge], index: int = -1) -> bool:
    """Add just these edges and nodes to the walker's queue: `visit [edge -->];`. Return whether there were any."""
    trail = walker.__jac__
    wanted = [step for step in steps if step.__jac__.id not in trail.ignored]
    place = _queue_index(walker, index)
    for offset, step in enumerate(wanted):
        trail.queue.insert(place + offset, step)
    return bool(wanted)


def _queue_index(walker: Walker, index: int) -> int:
    waiting = len(walker.__jac__.queue)
    return index if index >= 0 else max(0, waiting + 1 + index)


def ignore(walker: Walker, places: Places) -> None:
    """Have later visits skip places: `ignore places;`."""
    add_ignored(walker, places)


def disengage(walker: object) -> NoReturn:
    """End the walk of a walker: `disengage;`."""
    raise Disengage


class Printed:
    """Whether `report x` also prints x, as in a program of 0.8 or 0.9 that is run, not served: set `Printed.on = True`."""

    on: ClassVar[bool] = False


def report(walker: Walker | None, value: object) -> None:
    """Report a value from a walker, or (None) from the walk in progress: `report value;`."""
    if walker is None:
        add_to_answer(value)
    else:
        add_report(walker, value)


def report_aloud(walker: Walker | None, value: object) -> None:
    """Report a value, and print it if `Printed.on`."""
    if Printed.on:
        print(value)  # noqa: T201 - it is what the program asks for
    report(walker, value)


def destroy(targets: object) -> None:
    """Delete nodes with their edges, edges and stored objects: `del x;`. Other values are left to Python."""
    for target in map(resolve, targets if isinstance(targets, list) else [targets]):
        if isinstance(target, Node | Edge) or (isinstance(target, Archetype) and target.__jac__.version):
            current().graph.delete(target)


def reference(id: str) -> Any:
    """Return what a reference names: `&id`. See `jobj`."""
    return jobj(id)


# Work beside


def flow(work: Callable[[], Value]) -> Future[Value]:
    """Start work in a thread of its own: `flow f(x)`. Return its future."""
    future: Future[Value] = Future()
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


def wait(future: Future[Value]) -> Value:
    """Wait for a `flow`, and return its result or raise its error: `wait x`."""
    return future.result()


# The module


def test(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Add a test to the module's `__jac_tests__`: `test name { }`."""

    def keep(function: Callable[[], None]) -> Callable[[], None]:
        function.__code__ = function.__code__.replace(co_name=name, co_qualname=name)  # as tracebacks call it
        function.__globals__.setdefault("__jac_tests__", []).append((name, function))
        return function

    return keep


def run_annex(code: CodeType) -> None:
    """Run the statements of an annex in the namespace of its module. Their errors name the file of the annex."""
    exec(code, sys._getframe(1).f_globals)  # noqa: S102 - the module's own code, in the module's own names


def look_above(levels: int) -> None:
    """Search imports also some folders above the module's file: `import from ..shapes { x }` in a module outside of packages."""
    folder = Path(sys._getframe(1).f_globals["__file__"]).resolve().parents[levels]
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def not_here(module: str, name: str, instead: str) -> NoReturn:
    """Raise ImportError for an import from Jac's own packages that walkwire does not support."""
    what = f"{name} of {module}" if name else f"the module {module}"
    advice = f": {instead}" if instead else ""
    raise ImportError(f"walkwire has no counterpart for {what}{advice}", name=module)
