"""Record: what one walk did, for those who watch walks: the console, a developer's terminal, traces.

A walk is recorded only while a `Watcher` is registered with the runtime. Otherwise nothing of this is made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from walkwire.ids import LOG_IDS
from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.audience import Addressees
from walkwire.walk.graph.graph import WalkGraph
from walkwire.walk.unit.outbox import Notify
from walkwire.walk.walker.ability import Step

MOST = 500  # steps of a walk that are kept; likewise what it wrote and told, and what one step read
HELD = 300  # records in a working set, beyond which changes are not assigned to steps
TEXT = 2000  # characters of data that are kept

Deed = Literal["made", "changed", "deleted"]
Commit = Callable[[Reads, Changes, Callable[[], None], Collection[str]], None]
Result = TypeVar("Result")
Course = Iterator[tuple[Step, Any]]  # abilities in order, each with its place. Any: a node or an edge


class ToldRecord(NamedTuple):
    """A notification of a walk, or a `join` or `leave` that it ordered. Sent once the walk is committed, or at once.

    - data: JSON, at most `TEXT` characters of it; size: all its bytes
    - step: the number of the step that sent it; -1: none did
    """

    kind: str
    targets: tuple[str, ...]
    data: str
    size: int
    step: int


class Written(NamedTuple):
    """A record that a walk wrote.

    - before, after: its fields as JSON, at most `TEXT` characters; None: there was none, or will be none
    - ends: references of the nodes that an edge joins; empty for a node
    """

    deed: Deed
    reference: str
    before: str | None
    after: str | None
    ends: tuple[str, ...] = ()


@dataclass(slots=True)
class StepRecord:
    """An ability that ran at a place. What an inner walk (`spawn`) does is counted for the steps of that walk only.

    - function: the ability, with its file and line in `__code__`
    - place: reference of the node or edge
    - depth: 0 for the walker of the request, more for walkers that it spawned
    - begun: seconds since the walk began
    - seconds: how long it took, inner walks included; None: it has not ended, or failed
    - statements: queries of the store
    - reads: references that were read, each with its version (0: absent). `around` and a reference: the neighbours of a node.
      A search, with the number of records that it found
    - writes: references that were made, changed or deleted; what a commit wrote is in `WalkRecord.written`
    """

    walker: str
    function: Callable[..., Any]
    place: str
    depth: int
    begun: float
    seconds: float | None = None
    statements: int = 0
    reads: list[tuple[str, int]] = field(default_factory=list)
    writes: list[tuple[Deed, str]] = field(default_factory=list)


class Watcher:
    """Is told of walks: a base with methods that do nothing. None of them may raise.

    - wants_steps: whether it reads the steps of walks, what they wrote and told. To record that takes longer than all else
    """

    wants_steps: bool = True

    def begun(self, record: WalkRecord) -> None:
        """Take that a walk was asked for. It may have to wait for a thread. Called on the event loop of the sockets, in the
        context of the request."""

    def committing(self, record: WalkRecord, changes: Changes) -> None:
        """Take that it commits. Called in the thread of the walk."""

    def committed(self, record: WalkRecord, error: BaseException | None) -> None:
        """Take that a commit has ended, and its notifications are on their way. Called in the thread that committed, which may
        have committed other walks together with this one."""

    def ended(self, record: WalkRecord) -> None:
        """Take that it is over, and answered after this. Called as `begun`."""


@dataclass(slots=True)
class WalkRecord:
    """What a walk did, over all of its attempts: steps, `written` and `told` are those of the last one.

    Written by the thread of the walk. Others read it when `Watcher.ended` is called, or know that it may grow meanwhile.

    - mode: a `walk` that is answered, a `task` that is run, or one that is stored for `later`
    - node: the reference where it enters, as the request has it; None: at the root
    - ids: those of the log (`LOG_IDS`) when it was asked for: request, client, event or task
    - began: Unix seconds
    - fields: of the walker as JSON, at most `TEXT` characters
    - seconds: from the request to the end; None: it is under way
    - status, size: of the answer
    - error: what it raised; None: it was committed
    - attempts: how often it was run
    - statements: queries of the store in all attempts, without those of the commits
    - is_cut: not everything was kept
    - watchers: whom it is for; if none of them wants steps, there are no steps, `written` and `told`, and no statements
    - marks: what a watcher keeps with it, under itself
    """

    walker: str
    root_id: str
    mode: Literal["walk", "task", "later"] = "walk"
    node: str | None = None
    client_id: str | None = None
    ids: Mapping[str, object] = field(default_factory=LOG_IDS.get)
    began: float = field(default_factory=time.time)
    fields: str = ""
    seconds: float | None = None
    status: int = 0
    size: int = 0
    error: BaseException | None = None
    attempts: int = 0
    statements: int = 0
    is_cut: bool = False
    watchers: tuple[Watcher, ...] = ()
    marks: dict[object, Any] = field(default_factory=dict)
    steps: list[StepRecord] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    told: list[ToldRecord] = field(default_factory=list)
    _clock: float = field(default_factory=time.perf_counter)
    _open: list[StepRecord] = field(default_factory=list)  # steps under way, the innermost last
    _has_steps: bool = field(init=False)
    _graph: WalkGraph | None = None
    _reads: Reads | None = None
    _seen: list[int] = field(default_factory=list)  # how many entries of each part of `_reads` were counted
    _statements: int = 0
    _pending: dict[str, Deed] = field(default_factory=dict)
    _committed: Changes | None = None

    def __post_init__(self) -> None:
        self._has_steps = not self.watchers or any(watcher.wants_steps for watcher in self.watchers)

    # What the walk calls

    def begin(self, graph: WalkGraph) -> None:
        """Begin another attempt, which uses this graph."""
        self.attempts += 1
        self._graph, self._reads, self._statements, self._committed = graph, None, 0, None
        for kept in (self.steps, self.written, self.told, self._open, self._pending):
            kept.clear()

    def follow(self, walker: Archetype, course: Course) -> Course:
        """Return the same steps, and record each of them. The next one is asked for when a step has ended."""
        return self._follow(walker, course) if self._has_steps else course

    def _follow(self, walker: Archetype, course: Course) -> Course:
        depth = len(self._open)
        if not depth and not self.steps:
            self.fields = _text_of(vars(walker))
        name = type(walker).__name__
        for step, place in course:
            self._look()
            begun = self._now()
            record = StepRecord(name, step.function, reference_of(place), depth, begun)
            if len(self.steps) < MOST:
                self.steps.append(record)
            else:
                self.is_cut = True
            del self._open[depth:]  # inner walks that failed, and whose error was handled
            self._open.append(record)
            yield step, place
            self._look()
            del self._open[depth:]
            record.seconds = self._now() - begun
        self._look()

    def tell(self, addressees: Addressees, data: bytes) -> None:
        """Record a notification."""
        if not self._has_steps:
            return
        if len(self.told) >= MOST:
            self.is_cut = True
            return
        text = data[: TEXT * 4].decode(errors="replace")[:TEXT]
        step = len(self.steps) - 1 if self._open else -1
        self.told.append(ToldRecord(addressees.kind, addressees.targets, text, len(data), step))

    def send(self, notify: Notify, addressees: Addressees, data: bytes) -> None:
        """Send a notification by `notify`, with this record, so that watchers know whose it is."""
        notify(addressees._replace(record=self), data)

    def commit(
        self,
        commit: Commit,
        reads: Reads,
        changes: Changes,
        then: Callable[[], None],
        mine: Collection[str] = (),
    ) -> None:
        """Commit by `commit`, and tell the watchers when that begins and ends."""
        for watcher in self.watchers:
            watcher.committing(self, changes)
        try:
            commit(reads, changes, then, mine)
        except BaseException as error:
            self._committed_with(error)
            raise
        self._committed_with(None)

    def leave(
        self, changes: Changes, end: Callable[[BaseException | None], Result]
    ) -> Callable[[BaseException | None], Result]:
        """Take that others commit these changes. Return what is to be called in place of `end` after that."""
        for watcher in self.watchers:
            watcher.committing(self, changes)
        return partial(self._end_after, end)

    def _end_after(
        self, end: Callable[[BaseException | None], Result], error: BaseException | None
    ) -> Result:
        self._committed_with(error)
        return end(error)

    def _committed_with(self, error: BaseException | None) -> None:
        for watcher in self.watchers:
            watcher.committed(self, error)

    def write(self, changes: Changes) -> None:
        """Record what is about to be committed. Called again with the same changes if the commit had to wait for locks."""
        if not self._has_steps:
            return
        self._look()
        if changes is self._committed or self._graph is None:
            return
        self._committed = changes
        nodes, edges = self._graph.working_set.nodes, self._graph.working_set.edges
        written = [_made(record) for record in changes.new_nodes]
        written += [_made(record) for record in changes.new_edges]
        written += [_changed(record, nodes.get(record.id)) for record in changes.changed_nodes]
        written += [_changed(record, edges.get(record.id)) for record in changes.changed_edges]
        written += [_deleted(id, nodes.get(id)) for id in changes.deleted_nodes]
        written += [_deleted(id, edges.get(id)) for id in changes.deleted_edges]
        room = MOST - len(self.written)
        self.is_cut = self.is_cut or len(written) > room
        self.written += written[:room]

    # What the runtime calls

    def end(self, status: int, size: int, error: BaseException | None) -> None:
        """Take that the walk is over."""
        self.status, self.size, self.error = status, size, error
        self.seconds = self._now()
        self._graph = self._reads = self._committed = None

    def _now(self) -> float:
        return time.perf_counter() - self._clock

    def _look(self) -> None:
        """Assign what was read and changed since the last look to the innermost step under way."""
        graph = self._graph
        if graph is None:
            return
        reads = graph.reads
        if reads is not self._reads:  # another unit of work
            self._reads, self._statements, self._seen = reads, 0, [0] * 7
        step = self._open[-1] if self._open else None
        statements, self._statements = graph.statements - self._statements, graph.statements
        self.statements += statements
        found = self._found(graph, reads)
        pending = _pending(graph) if len(graph.working_set.nodes) <= HELD else {}
        if step is not None:
            step.statements += statements
            room = MOST - len(step.reads)
            self.is_cut = self.is_cut or len(found) > room
            step.reads += found[:room]
            step.writes += [(deed, name) for name, deed in pending.items() if self._pending.get(name) != deed]
        self._pending = pending

    def _found(self, graph: WalkGraph, reads: Reads) -> list[tuple[str, int]]:
        """Return what was read since the last look. All parts keep the order in which they were read."""
        held = graph.working_set
        parts: list[tuple[Mapping[Any, Any], Callable[[Any, Any], tuple[str, int]]]] = [
            (reads.nodes, lambda id, version: (_name(id, held.nodes.get(id), "n"), version)),
            (reads.edges, lambda id, version: (_name(id, held.edges.get(id), "e"), version)),
            (
                reads.neighbourhoods,
                lambda selection, mark: (
                    f"around {_name(selection.node, held.nodes.get(selection.node), 'n')}",
                    1,
                ),
            ),
            (reads.node_searches, lambda search, ids: ("search of nodes", len(ids))),
            (reads.edge_searches, lambda search, ids: ("search of edges", len(ids))),
            (reads.tasks, lambda id, state: (f"task {id}", state is not None)),
            (reads.users, lambda key, user: ("user", user is not None)),
        ]
        found: list[tuple[str, int]] = []
        for number, (part, described) in enumerate(parts):
            begin = self._seen[number]
            self._seen[number] = len(part)
            fresh = islice(part.items(), begin, begin + MOST + 1)
            found += [described(key, value) for key, value in fresh]
        return found


def _pending(graph: WalkGraph) -> dict[str, Deed]:
    """Return what a commit now would write, as far as fields can be compared."""
    held = graph.working_set
    found: dict[str, Deed] = {}
    for one in (*held.nodes.values(), *held.edges.values()):
        anchor = one.__jac__
        if anchor.is_deleted:
            if anchor.version:
                found[reference_of(one)] = "deleted"
        elif not anchor.version:
            if anchor.letter == "e" or anchor.kind:
                found[reference_of(one)] = "made"
        else:
            with suppress(Exception):  # of a value that cannot be stored, the commit tells
                if held.is_changed(one):
                    found[reference_of(one)] = "changed"
    return found


def _name(id: str, archetype: Archetype | None, letter: str) -> str:
    return f"{letter}:?:{id}" if archetype is None else reference_of(archetype)


def _made(record: NodeRecord | EdgeRecord) -> Written:
    return Written("made", _reference(record), None, record.data[:TEXT], _ends(record))


def _changed(record: NodeRecord | EdgeRecord, archetype: Archetype | None) -> Written:
    before = None if archetype is None else archetype.__jac__.stored
    return Written("changed", _reference(record), (before or "{}")[:TEXT], record.data[:TEXT], _ends(record))


def _deleted(id: str, archetype: Archetype | None) -> Written:
    if archetype is None:
        return Written("deleted", id, None, None)
    return Written("deleted", reference_of(archetype), (archetype.__jac__.stored or "{}")[:TEXT], None)


def _reference(record: NodeRecord | EdgeRecord) -> str:
    if isinstance(record, EdgeRecord):
        return f"e:{record.kind}:{record.id}"
    return f"{record.kind}:{record.id}" if record.kind[1:2] == ":" else f"n:{record.kind}:{record.id}"


def _ends(record: NodeRecord | EdgeRecord) -> tuple[str, ...]:
    if isinstance(record, NodeRecord):
        return ()
    return f"n:{record.source_kind}:{record.source}", f"n:{record.target_kind}:{record.target}"


def _text_of(values: Mapping[str, object]) -> str:
    with suppress(Exception):  # of values of the program, such as a list that holds itself
        return msgspec.json.encode(values, enc_hook=repr).decode()[:TEXT]
    return ""
