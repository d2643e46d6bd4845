"""Context: what `get_context()` gives a program: the answer that its walk is building, and where the walk began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, cast

from walkwire.dialect.hops import Test
from walkwire.ids import SYSTEM_ROOT
from walkwire.walk.archetype import AnchorState, Archetype
from walkwire.walk.archetypes.node import Graph
from walkwire.walk.current import CurrentRun, current


class Memory:
    """Jac Cloud's `get_context().mem`: finds anchors. Its `__mem__` and `__gc__` are accepted, and have no effect."""

    def __init__(self) -> None:
        self.__mem__: dict[object, object] = {}
        self.__gc__: set[object] = set()

    def find(self, anchors: object, filter: Test = None) -> Iterator[AnchorState]:
        """Yield the anchors of handles or ids: of those that exist, that the caller may read, and that pass `filter`."""
        several = isinstance(anchors, Iterable) and not isinstance(anchors, str)
        found = map(self.find_by_id, cast("Iterable[object]", anchors) if several else [anchors])
        return (anchor for anchor in found if anchor is not None and (filter is None or filter(anchor)))

    def find_one(self, anchors: object, filter: Test = None) -> AnchorState | None:
        """Return the first anchor that `find` yields, or None."""
        return next(self.find(anchors, filter), None)

    def find_by_id(self, anchor: object) -> AnchorState | None:
        """Return the anchor of a handle or an id, or None."""
        found = current().graph.find(cast("str", getattr(anchor, "id", anchor)))
        return None if found is None else found.__jac__


class Context:
    """The answer of the walk in progress, and where the walk began. Returned by `get_context()`."""

    def __init__(self, run: CurrentRun) -> None:
        self._run = run
        self.mem = Memory()

    @property
    def status(self) -> int:
        """The HTTP status of the answer. Setting it raises ValueError unless it is from 200 to 599."""
        return self._run.answer.status

    @status.setter
    def status(self, status: int) -> None:
        if not 200 <= int(status) <= 599:  # 1xx and below are not answers
            raise ValueError(f"Not an HTTP status that can answer a request: {status}")
        self._run.answer.status = int(status)

    @property
    def reports(self) -> list[Any]:  # Any: values of the program
        """The values reported so far."""
        return self._run.answer.reports

    @property
    def root_state(self) -> AnchorState:
        """Return the anchor of the caller's root."""
        graph: Graph = self._run.graph
        return graph.root().__jac__

    # The name of `root_state` in Jac Cloud 0.7.
    root = root_state

    @property
    def entry_node(self) -> AnchorState:
        """Return the anchor of the node where the walk began."""
        entry = self._run.entry
        return self.root_state if entry is None else cast("Archetype", entry).__jac__

    @property
    def system_root(self) -> AnchorState:
        """Return the anchor of the system's root. Access to it is checked when it is used."""
        graph: Graph = self._run.graph
        return graph.root(SYSTEM_ROOT).__jac__

    def __getattr__(self, name: str) -> NoReturn:
        advice = ""
        if name in ("connection", "request"):
            advice = ": what a request brings is in the walker's fields (`path` and `as_query` of the specs, the body)"
        raise AttributeError(f"walkwire has no counterpart for {name!r} of get_context(){advice}", name=name)

    @property
    def custom(self) -> object:
        """A value that replaces the whole body of the answer; None: nothing does."""
        return self._run.answer.custom

    @custom.setter
    def custom(self, body: object) -> None:
        self._run.answer.custom = body


def get_context() -> Context:
    """Return the context of the walk in progress. Raises RuntimeError if there is none."""
    return Context(current())
