"""Walker: a small program that walks the graph. Its fields are what a request gives; its abilities are what it does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar

from walkwire.errors import NoAccess
from walkwire.ids import new_id
from walkwire.walk.archetype import Archetype, Computed, give_anchor
from walkwire.walk.archetypes.anchor import Anchor
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.context import Walk, current
from walkwire.walk.registry import heads, kind_of
from walkwire.walk.walker.ability import Disengage, Skip, Step, frame_of, has_async, plan_of
from walkwire.walk.walker.task import Schedule


class Trail(Anchor):
    """What walkwire keeps of a walker: where it will go, what it reported, what each of its abilities returned (None too).

    Programs see it as `walker.__jac__`.
    """

    __slots__ = ("_id", "ignored", "queue", "reports", "returns")
    letter: ClassVar[str] = "w"

    def __init__(self, kind: str) -> None:
        self._begin(kind)
        self._id: str | None = None
        self.queue: deque[Any] = deque()
        self.ignored: set[str] = set()
        self.reports: list[Any] = []
        self.returns: list[Any] = []

    @property
    def id(self) -> str:
        """Made when asked for: most walkers are gone before anyone wants to know."""
        if self._id is None:
            self._id = new_id()
        return self._id

    @id.setter
    def id(self, id: str) -> None:
        self._id = id

    @property
    def schedule(self) -> Schedule | None:
        """What became of a walker that walks by itself: an `async walker`, or one given to `create_task`. None of others."""
        task = current().graph.task(self.id)
        return None if task is None else Schedule.of(task)


@heads("walker")
class Walker(Archetype):
    """A base for walkers: fields, abilities, and an inner class `__specs__` that says how it is exposed.

    `class rebuild(Walker, background=True)` is Jac's `async walker`: a request for it is answered at once with the walker's
    id, and it walks by itself afterwards.
    """

    __jac_async__: ClassVar[bool] = False
    if TYPE_CHECKING:

        @property
        def __jac__(self) -> Trail: ...

    def __init_subclass__(cls, *, background: bool | None = None, **keywords: Any) -> None:
        if background is not None:
            cls.__jac_async__ = background
        super().__init_subclass__(**keywords)

    def __new__(cls, *_: Any, **__: Any) -> Self:
        walker = object.__new__(cls)
        give_anchor(walker, Trail(kind_of(cls)))
        return walker

    @Computed
    def reports(self) -> list[Any]:
        """What this walker has reported, in order."""
        return self.__jac__.reports

    def visit(self, place: Any, index: int | None = None) -> bool:
        """Go to a node, to an edge and the node behind it, or to all in a list, when it is their turn (breadth first).

        `index` is a place in the queue of what is still to be visited. False where there was nothing to visit.
        """
        return add_visit(self, place, index)

    def ignore(self, place: Any) -> None:
        """Let later visits pass over a node, or over all in a list."""
        add_ignored(self, place)

    def report(self, value: Any, custom: bool = False) -> None:
        """Add a value to the answer; with `custom` it becomes the whole body."""
        if custom:
            current().custom = value
        else:
            add_report(self, value)

    def skip(self) -> NoReturn:
        """Leave this ability; the next one at the same place still runs."""
        raise Skip

    def disengage(self) -> NoReturn:
        """End the walk here: no further ability runs, the exits included."""
        raise Disengage

    def spawn(self, place: Any) -> Self:
        """Walk from a node (or an edge, or a list of them) and come back when the walk is over."""
        return spawn_from(place, self)

    async def aspawn(self, place: Any) -> Self:
        """As `spawn`, from an async ability."""
        return await aspawn_from(place, self)


AnyWalker = TypeVar("AnyWalker", bound=Walker)

# What the methods above do, for Jac's operators: a program may have other methods of these names.


def add_visit(walker: Walker, place: Any, index: int | None = None) -> bool:
    """`Walker.visit`."""
    places = [place] if isinstance(place, Node | Edge) else list(place or ())
    trail = walker.__jac__
    added = list(_stops(places, trail.ignored))
    if index is None:
        trail.queue.extend(added)
    else:
        for offset, stop in enumerate(added):
            trail.queue.insert(index + offset, stop)
    return bool(added)


def add_ignored(walker: Walker, place: Any) -> None:
    """`Walker.ignore`."""
    places = [place] if isinstance(place, Node | Edge) else place
    walker.__jac__.ignored.update(one.__jac__.id for one in places)


def add_report(walker: Walker, value: Any) -> None:
    """`Walker.report`."""
    walker.__jac__.reports.append(value)
    current().reports.append(value)


def spawn_from(place: Any, walker: AnyWalker) -> AnyWalker:
    """`Walker.spawn`."""
    if has_async(type(walker)) and is_on_a_loop():
        raise RuntimeError(
            f"{type(walker).__name__} has async abilities: from an async ability, await aspawn()"
        )
    walk_through(walker, _starts(place))
    return walker


async def aspawn_from(place: Any, walker: AnyWalker) -> AnyWalker:
    """`Walker.aspawn`."""
    await awalk_through(walker, _starts(place))
    return walker


def walk_through(walker: Walker, starts: Iterable[Any]) -> None:
    """Run a walk in this thread; async abilities are waited for."""
    walk = current()
    returns = walker.__jac__.returns
    returns.clear()
    try:
        for step, place in _course(walker, starts):
            result = None
            try:
                result = step.function(*_arguments(step, walker, place))
                if step.is_async:
                    result = walk.bridge.wait_for(result)
            except Skip:
                pass
            except (AttributeError, TypeError) as error:
                _refuse_if_missed(walk, error)
                raise
            finally:
                returns.append(result)
    except Disengage:
        walker.__jac__.queue.clear()


async def awalk_through(walker: Walker, starts: Iterable[Any]) -> None:
    """Run a walk on the programs' own event loop; plain abilities go to a worker thread."""
    walk = current()
    returns = walker.__jac__.returns
    returns.clear()
    try:
        for step, place in _course(walker, starts):
            arguments = _arguments(step, walker, place)
            result = None
            try:
                if step.is_async:
                    result = await step.function(*arguments)
                else:
                    result = await walk.bridge.in_thread(step.function, *arguments)
            except Skip:
                pass
            except (AttributeError, TypeError) as error:
                _refuse_if_missed(walk, error)
                raise
            finally:
                returns.append(result)
    except Disengage:
        walker.__jac__.queue.clear()


def _refuse_if_missed(walk: Walk, error: Exception) -> None:
    """Raise NoAccess where an ability fails on a None after `&` had to give one: absent, or not the caller's to read."""
    if walk.missed is not None and str(error).startswith("'NoneType' object "):
        raise NoAccess(walk.missed) from error


def is_on_a_loop() -> bool:
    """Whether this thread is running an event loop, so that waiting here would stop it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _course(walker: Walker, starts: Iterable[Any]) -> Iterator[tuple[Step, Any]]:
    """Every step of a walk in its order, each with its place. The queue may grow while a step is being taken."""
    kind, trail = type(walker), walker.__jac__
    trail.queue.clear()
    trail.queue.extend(starts)
    walk = current()
    graph = walk.graph
    place = trail.queue[0]
    frame = frame_of(kind)
    for step in frame.entries:
        yield step, place
    while trail.queue:
        place = trail.queue.popleft()
        walk.go_on()
        if graph.is_gone(place):
            continue
        graph.enter(place)
        plan = plan_of(kind, type(place))
        for step in plan.entries:
            yield step, place
        for step in plan.exits:
            yield step, place
    for step in frame.exits:
        yield step, place


def _arguments(step: Step, walker: Walker, place: Any) -> tuple[Any, ...]:
    subject, other = (walker, place) if step.by_walker else (place, walker)
    return (subject, other) if step.takes_other else (subject,)


def _starts(place: Any) -> list[Any]:
    starts = [place] if isinstance(place, Node | Edge) else list(place)
    if not starts:
        raise ValueError("A walk needs a place to start from, and the list is empty")
    return list(_stops(starts, set()))


def _stops(places: Iterable[Any], ignored: set[str]) -> Iterator[Any]:
    graph = current().graph
    for given in places:
        place = graph.own(given)
        if place.__jac__.id in ignored:
            continue
        yield place
        if isinstance(place, Edge):
            yield graph.ends(place)[1]
