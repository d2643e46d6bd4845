"""Walker: a class that visits nodes and edges of the graph. A request gives its fields; its abilities run at each place."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar

from walkwire.errors import NoAccess
from walkwire.ids import new_id
from walkwire.walk.archetype import Archetype, Computed
from walkwire.walk.archetypes.anchor import Anchor
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Graph, Node
from walkwire.walk.archetypes.wanted import require_places
from walkwire.walk.current import CurrentRun, current
from walkwire.walk.mistake import frame_of_program
from walkwire.walk.registry import heads
from walkwire.walk.walker.ability import Disengage, Skip, Step, frame_of, has_async, plan_of
from walkwire.walk.walker.task import TaskOutcome

_give_anchor = Archetype.__dict__["__jac__"].__set__  # the slot, whatever a base of a walker calls `__jac__`

# Where a walker may go: a node, an edge (then also the node behind it), or several.
Place = Node | Edge
Places = Place | Iterable[Place]


class AnchorOfWalker(Anchor):
    """The state of a walker that is no field of the program. Programs see it as `walker.__jac__`.

    - queue: the places that it will visit
    - ignored: ids of places that it will not visit
    - reports: the values that it reported
    - returns: what each ability returned, None included
    """

    __slots__ = ("_id", "ignored", "queue", "reports", "returns")
    letter: ClassVar[str] = "w"

    def __init__(self, kind: str) -> None:
        self._begin(kind)
        self._id: str | None = None
        self.queue: deque[Place] = deque()
        self.ignored: set[str] = set()
        self.reports: list[object] = []
        self.returns: list[object] = []

    @property
    def id(self) -> str:
        """Return the id, made when it is first needed: most walkers never need one."""
        if self._id is None:
            self._id = new_id()
        return self._id

    @id.setter
    def id(self, id: str) -> None:
        self._id = id

    @property
    def schedule(self) -> TaskOutcome | None:
        """Return the outcome of the task of a walker: an `async walker`, or one given to `create_task`. None for others."""
        task = current().graph.task(self.id)
        return None if task is None else TaskOutcome.of(task)


@heads("walker")
class Walker(Archetype):
    """The base class of walkers. A subclass has fields, abilities, and an inner class `__specs__` with the settings of its API.

    `class rebuild(Walker, background=True)` is Jac's `async walker`: a request for it is stored as a task, and answered at once
    with the walker's id.
    """

    __jac_async__: ClassVar[bool] = False
    if TYPE_CHECKING:

        @property
        def __jac__(self) -> AnchorOfWalker: ...

    # Any: keywords that the program's own bases take
    def __init_subclass__(cls, *, background: bool | None = None, **keywords: Any) -> None:
        if background is not None:
            cls.__jac_async__ = background
        super().__init_subclass__(**keywords)

    def __new__(cls, *_: object, **__: object) -> Self:
        walker = object.__new__(cls)
        _give_anchor(walker, AnchorOfWalker(cls.__name__))
        return walker

    @Computed
    def reports(self) -> list[Any]:  # Any: values of the program
        """Return the values that this walker has reported, in order."""
        return self.__jac__.reports

    def visit(self, place: Places | None, index: int | None = None) -> bool:
        """Add places to the end of the queue of visits, and return whether there were any.

        - place: a node, an edge (then also the node at its end), or a list of these
        - index: the position in the queue at which to insert them; None: the end, for a breadth-first walk
        """
        return add_visit(self, place, index)

    def ignore(self, place: Places) -> None:
        """Exclude a place (a node or an edge), or all places of a list, from later `visit` calls."""
        add_ignored(self, place)

    def report(self, value: object, custom: bool = False) -> None:
        """Add a value to the reports of the answer. With `custom` the value becomes the whole body."""
        if custom:
            current().answer.custom = value
        else:
            add_report(self, value)

    def skip(self) -> NoReturn:
        """End this ability. The next ability at the same place still runs."""
        raise Skip

    def disengage(self) -> NoReturn:
        """End the walk. No further ability runs, exits included."""
        raise Disengage

    def spawn(self, place: Places) -> Self:
        """Walk from a node, an edge or a list of these, and return this walker when the walk is over."""
        return spawn_from(place, self)

    async def aspawn(self, place: Places) -> Self:
        """Walk as `spawn` does, from an async ability."""
        return await aspawn_from(place, self)


_PRINTABLE = frozenset((str, int, float, bool, type(None)))

AnyWalker = TypeVar("AnyWalker", bound=Walker)

# The methods above as functions, for Jac's operators: a program may define other methods of these names.


def add_visit(walker: Walker, place: Places | None, index: int | None = None) -> bool:
    """Do what `Walker.visit` does."""
    trail = walker.__jac__
    try:
        places = [place] if isinstance(place, Node | Edge) else list(place or ())
        added = list(_stops(places, trail.ignored))
    except (AttributeError, TypeError):
        require_places(place)
        raise
    if index is None:
        trail.queue.extend(added)
    else:
        for offset, stop in enumerate(added):
            trail.queue.insert(index + offset, stop)
    return bool(added)


def add_ignored(walker: Walker, place: Places) -> None:
    """Do what `Walker.ignore` does."""
    places = [place] if isinstance(place, Node | Edge) else place
    walker.__jac__.ignored.update(one.__jac__.id for one in places)


def add_report(walker: Walker, value: object) -> None:
    """Do what `Walker.report` does."""
    walker.__jac__.reports.append(value)
    add_to_answer(value)


def add_to_answer(value: object) -> None:
    """Append a value to the reports of the answer. Notes the program's line, unless the value is sure to have a JSON form."""
    answer = current().answer
    if type(value) not in _PRINTABLE and (frame := frame_of_program(sys._getframe(1))) is not None:
        answer.origins[len(answer.reports)] = frame.f_code, frame.f_lasti
    answer.reports.append(value)


def spawn_from(place: Places, walker: AnyWalker) -> AnyWalker:
    """Do what `Walker.spawn` does."""
    if has_async(type(walker)) and is_on_a_loop():
        raise RuntimeError(
            f"{type(walker).__name__} has async abilities: from an async ability, await aspawn()"
        )
    walk_through(current(), walker, _starts(place))
    return walker


async def aspawn_from(place: Places, walker: AnyWalker) -> AnyWalker:
    """Do what `Walker.aspawn` does."""
    await awalk_through(current(), walker, _starts(place))
    return walker


def walk_through(run: CurrentRun, walker: Walker, starts: Iterable[Place]) -> None:
    """Let a walker walk in this thread, and wait in it for async abilities."""
    returns = walker.__jac__.returns
    returns.clear()
    try:
        for step, place in _course(run, walker, starts):
            result = None
            try:
                result = step.function(*_arguments(step, walker, place))
                if step.is_async:
                    result = run.host.run_coroutine(result)
            except Skip:
                pass
            except (AttributeError, TypeError) as error:
                _refuse_if_missed(run, error)
                raise
            finally:
                returns.append(result)
    except Disengage:
        walker.__jac__.queue.clear()


async def awalk_through(run: CurrentRun, walker: Walker, starts: Iterable[Place]) -> None:
    """Let a walker walk on the event loop for async abilities. Plain abilities run in a worker thread."""
    returns = walker.__jac__.returns
    returns.clear()
    try:
        for step, place in _course(run, walker, starts):
            arguments = _arguments(step, walker, place)
            result = None
            try:
                if step.is_async:
                    result = await step.function(*arguments)
                else:
                    result = await run.host.run_in_thread(step.function, *arguments)
            except Skip:
                pass
            except (AttributeError, TypeError) as error:
                _refuse_if_missed(run, error)
                raise
            finally:
                returns.append(result)
    except Disengage:
        walker.__jac__.queue.clear()


def _refuse_if_missed(run: CurrentRun, error: Exception) -> None:
    """Raise NoAccess if an ability fails by using the None that `&` returned for a record that is absent or not readable."""
    if run.missed is not None and str(error).startswith("'NoneType' object "):
        raise NoAccess(run.missed) from error


def is_on_a_loop() -> bool:
    """Whether this thread runs an event loop, which must not be blocked."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _course(run: CurrentRun, walker: Walker, starts: Iterable[Place]) -> Iterator[tuple[Step, Place]]:
    """Return the abilities of a walk in order, each with its place. The queue may grow while an ability runs."""
    course = _steps(run, walker, starts)
    return course if run.record is None else run.record.follow(walker, course)


def _steps(run: CurrentRun, walker: Walker, starts: Iterable[Place]) -> Iterator[tuple[Step, Place]]:
    kind, trail = type(walker), walker.__jac__
    trail.queue.clear()
    trail.queue.extend(starts)
    graph, check_time = run.graph, run.check_time
    place = trail.queue[0]
    frame = frame_of(kind)
    for step in frame.entries:
        yield step, place
    while trail.queue:
        place = trail.queue.popleft()
        if check_time is not None:
            check_time()
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


def _arguments(step: Step, walker: Walker, place: Place) -> tuple[Archetype, ...]:
    subject: Archetype
    other: Archetype
    subject, other = (walker, place) if step.by_walker else (place, walker)
    return (subject, other) if step.takes_other else (subject,)


def _starts(place: Places) -> list[Place]:
    try:
        starts = [place] if isinstance(place, Node | Edge) else list(place)
        if not starts:
            raise ValueError("A walk needs a place to start from, and the list is empty")
        return list(_stops(starts, set()))
    except (AttributeError, TypeError):
        require_places(place)
        raise


def _stops(places: Iterable[Place], ignored: set[str]) -> Iterator[Place]:
    graph: Graph = current().graph
    for given in places:
        place = graph.own(given)
        if place.__jac__.id in ignored:
            continue
        yield place
        if isinstance(place, Edge):
            yield graph.ends(place)[1]
