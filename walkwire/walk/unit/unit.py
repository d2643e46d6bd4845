"""Unit: one run of a walk as a unit of work: it reads, it changes, and in the end all of it is committed or none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from walkwire.errors import CommitInDoubt, Conflict
from walkwire.store import (
    Changes,
    Crowd,
    GraphStore,
    Held,
    Lost,
    UserStore,
    View,
    are_of_kinds,
    kinds_searched,
    lock_keys,
)
from walkwire.walk.context import Audience, Bridge, Walk, enter_walk, leave_walk
from walkwire.walk.graph.graph import WalkGraph
from walkwire.walk.registry import Registry
from walkwire.walk.unit.deadline import Allowance
from walkwire.walk.unit.locks import HOLD_SECONDS, PATIENCE_SECONDS
from walkwire.walk.walker.notify import WalkOutbox

_log = logging.getLogger("walkwire.walk")
_NO_LOCKS: frozenset[str] = frozenset()


class Line(Protocol):
    """Where a walk waits for what others have locked."""

    def held(self, keys: frozenset[str]) -> frozenset[str]:
        """Those of these that, as far as is known here, somebody else holds."""

    def stand(self, hold: frozenset[str], kinds: frozenset[str]) -> None:
        """Wait, where the walk stands, until it holds `hold`, and nobody else one of `kinds`. Raises Conflict where it takes
        too long."""

    def mine(self) -> Collection[str]:
        """What it holds now."""


class Unit:
    """What one run has: its view of the graph, its notifications, and whether it has committed already."""

    def __init__(
        self,
        store: GraphStore,
        view: View,
        registry: Registry,
        root_id: str,
        *,
        outbox: WalkOutbox,
        bridge: Bridge,
        line: Line,
        client_id: str | None = None,
        on_tasks: Callable[[], None] = lambda: None,
        allowance: Allowance | None = None,
    ) -> None:
        self._store = store
        self._commit = store.commit if allowance is None else allowance.guard(store.commit)
        self._view = view
        self._checked = 1  # so many looks are known to be of one moment: one always is
        self._outbox = outbox
        self._line = line
        self._on_tasks = on_tasks
        self.graph = WalkGraph(view, registry, root_id)
        self.walk = Walk(self.graph, outbox, bridge, self.commit, client_id)
        self.walk.check = self.check_in_walk
        if allowance is not None:
            allowance.check()
            self.walk.go_on = allowance.check
        self.has_committed = False
        outbox.begin()

    def commit(self) -> None:
        """The program's own `commit()`, in the middle of its walk. Waits for locks where it stands."""
        try:
            changes = self.graph.changes()
            if changes and (held := self._line.held(keys := self.locks(changes))):
                self._line.stand(*self.parted(keys, held))
            self.write_patiently(changes)
        except Lost:
            if self.has_committed:
                raise Conflict from None
            raise  # nothing was written: the whole walk may run again
        except CommitInDoubt:
            self.has_committed = True
            raise
        self.has_committed = True
        self._outbox.end_reruns()
        if self._store.is_shared:
            self.graph.begin_unit()

    def check_in_walk(self) -> None:
        """As `check`, before a notification leaves at once. A walk that has committed cannot be run again: it gets a Conflict."""
        try:
            self.check()
        except Lost:
            if self.has_committed:
                raise Conflict from None
            raise

    def locks(self, changes: Changes) -> frozenset[str]:
        """The locks that a commit of `changes` has to wait for."""
        if not changes:
            return _NO_LOCKS
        return lock_keys(*self.graph.touched(changes))

    def locks_of_reads(self) -> frozenset[str]:
        """The locks of all that was read."""
        reads = self.graph.reads
        return lock_keys(
            [*reads.nodes, *reads.edges],
            (selection.node for selection in reads.neighbourhoods),
            kinds_searched(reads.node_searches, reads.edge_searches),
        )

    def parted(self, keys: frozenset[str], held: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
        """Part the locks that a commit needs, of which others hold some: those to hold, and those of kinds, of which it is enough
        that others do not hold them. Locks of kinds that the walk searched for are to be held."""
        passed = are_of_kinds(held) - self.locks_of_reads()
        hold = (keys - are_of_kinds(keys)) | (are_of_kinds(held) - passed)
        return (hold if held > passed else frozenset()), passed

    def write(self, changes: Changes, is_last: bool = False) -> None:
        """Commit, or, where nothing changed, see that all was read at one moment. Raises Lost, Held.

        `is_last`: the walk is over, and looks at nothing any more.
        """
        if changes:
            self._raise_if_void()
            try:
                self._commit(self.graph.reads, changes, self._outbox.release, self._line.mine())
            except Lost as lost:
                self.graph.lose(lost)
            self._view = self._store.latest()
            self.graph.read_from(self._view)  # what was written is not in a snapshot from before
        else:
            self.check()
            self._outbox.release()
        if changes.new_tasks:
            self._on_tasks()
        if changes or self.walk.after or not is_last:
            self.graph.committed(changes)  # a node that the program keeps is known to be stored from now on
            self._checked = 1
        if self.walk.after:
            self._after()

    def write_patiently(self, changes: Changes) -> None:
        """As `write`, but wait for what others hold."""
        while True:
            try:
                return self.write(changes)
            except Held as held:
                self._line.stand(*self.parted(held.keys, held.keys))

    def check(self) -> None:
        """Raise Lost unless what was read so far was all so at one moment.

        What one statement reads always is, and the view may know that several were. Nothing is asked again if nothing was
        read since the last time. Once Lost was raised, it is raised for ever: the run is void, whatever the program does.
        """
        self._raise_if_void()
        looks = self.graph.statements
        if looks <= self._checked or self._view.is_one_moment:
            return
        try:
            self._store.check(self.graph.reads)
        except Lost as lost:
            self.graph.lose(lost)
        self._checked = looks

    def _raise_if_void(self) -> None:
        if self.graph.lost is not None:
            raise self.graph.lost

    def _after(self) -> None:
        functions, self.walk.after = self.walk.after, []
        for function in functions:
            try:
                function()
            except Exception:
                _log.exception("A function given to after_commit() failed; what was committed stays")


class Alone:
    """The bridge of a unit that no server runs: a program while it is loaded, `walkwire run`. `is_loading`: to be served."""

    accounts: UserStore | None = None

    def __init__(self, is_loading: bool = False) -> None:
        self.is_loading = is_loading

    def wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(coroutine)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.to_thread(function, *arguments)


class _Alone:
    """The line of such a unit. It knows of no others but those of which the store tells."""

    def __init__(self, crowd: Crowd | None) -> None:
        self._crowd = crowd
        self._keys: frozenset[str] = frozenset()
        self._release: Callable[[], None] = lambda: None

    def held(self, keys: frozenset[str]) -> frozenset[str]:
        return frozenset()

    def stand(self, hold: frozenset[str], kinds: frozenset[str]) -> None:
        assert self._crowd is not None  # who else would have told
        self.leave()
        keys = hold | kinds
        try:
            self._release = self._crowd.take(self._keys | keys, PATIENCE_SECONDS, HOLD_SECONDS)
        except TimeoutError:
            raise Conflict from None
        self._keys |= keys

    def mine(self) -> Collection[str]:
        return self._keys

    def leave(self) -> None:
        """Let go of all."""
        self._release()
        self._release = lambda: None


@contextmanager
def unit_of_work(
    store: GraphStore,
    registry: Registry,
    root_id: str,
    tell: Callable[[Audience, bytes], None] = lambda audience, data: None,
    *,
    is_loading: bool = False,
) -> Iterator[Walk]:
    """A walk in progress for the time of the `with` block, committed at its end unless the block raises. `is_loading`: the
    block is the module code of a program that is to be served.

    Raises Conflict where others changed what the block read: a block cannot be run again.
    """
    line = _Alone(store.crowd)
    bridge = Alone(is_loading)
    unit = Unit(store, store.latest(), registry, root_id, outbox=WalkOutbox(tell), bridge=bridge, line=line)
    token = enter_walk(unit.walk)
    try:
        yield unit.walk
        unit.write_patiently(unit.graph.changes())
    except Lost:
        raise Conflict from None
    finally:
        leave_walk(token)
        line.leave()
