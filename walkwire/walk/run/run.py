"""Run: one attempt at a walk as a unit of work. It owns the graph as the walk sees it, its notifications and its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from walkwire.errors import CommitInDoubt, Conflict, Limited, NoAccess, Refused
from walkwire.ids import SYSTEM_ROOT, parse_reference
from walkwire.store import Changes, GraphStore, Held, Lost, NodeRecord, View
from walkwire.walk.access import encode_changes
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.audience import Addressees
from walkwire.walk.current import AnswerState, Host, enter_run, leave_run
from walkwire.walk.graph.graph import WalkGraph
from walkwire.walk.graph.habit import Habit
from walkwire.walk.registry import Registry
from walkwire.walk.run.answer import Answers, WalkAnswer, task_end
from walkwire.walk.run.off_loop import InThread, OffLoop, off_loop
from walkwire.walk.run.request import Later, TaskRun, WalkRequest
from walkwire.walk.run.verdict import raise_verdict
from walkwire.walk.unit.deadline import Deadline
from walkwire.walk.unit.needed import Keys, locks_of, locks_of_reads, split
from walkwire.walk.unit.outbox import Notify, WalkOutbox
from walkwire.walk.walker.fields import nodes_found
from walkwire.walk.walker.task import create_task
from walkwire.walk.walker.walker import Walker, awalk_through, walk_through

CHANGES_AT_ONCE = 1000  # nodes in one message about changed rights

_log = logging.getLogger("walkwire.walk")


class Blocked:
    """The outcome of a run that ended, but whose commit has to wait for locks that other walks hold.

    - run: the run; call `resume` once the locks are acquired
    - hold: the locks to hold
    - kinds: locks of kinds; it is enough that no other walk holds them
    - is_void: the run read records that the other walks are about to change, so a retry is better than waiting
    """

    __slots__ = ("_answer", "_changes", "hold", "is_void", "kinds", "run")

    def __init__(self, run: Run, keys: Keys, held: Keys, changes: Changes, answer: WalkAnswer) -> None:
        self.run = run
        self.hold, self.kinds = split(run.graph, keys, held)
        self.is_void = not run.has_committed and not held.isdisjoint(locks_of_reads(run.graph))
        self._changes = changes
        self._answer = answer

    def resume(self) -> WalkAnswer | Blocked:
        """Try the commit again. Called in a worker thread."""
        return self.run.finish(self._changes, self._answer)


class Run:
    """One attempt at a walk. Used in one thread at a time, never on the event loop of the sockets.

    - graph: the graph as this run sees it
    - host: what surrounds the run: a server, or nothing
    - answer: status, reports and returns so far
    - outbox: the notifications; None until there is one. A retry is given the outbox of the attempt before.
    - client_id: the connection whose event this is, or None
    - may_retry: whether a conflict leads to another attempt
    - has_committed: whether the program called `commit()`; such a run is never retried
    """

    __slots__ = (
        "_checked",
        "_commit",
        "_deadline",
        "_notify",
        "_store",
        "_user_tasks",
        "_view",
        "after_commit",
        "answer",
        "check_time",
        "client_id",
        "entry",
        "graph",
        "has_committed",
        "host",
        "may_retry",
        "missed",
        "outbox",
    )

    def __init__(
        self,
        store: GraphStore,
        view: View,
        registry: Registry,
        root_id: str,
        host: Host,
        notify: Notify,
        *,
        outbox: WalkOutbox | None = None,
        client_id: str | None = None,
        status: int = 200,
        may_retry: bool = True,
        deadline: Deadline | None = None,
        user_tasks: int = 0,
    ) -> None:
        self._store = store
        self._view = view
        self._notify = notify
        self._user_tasks = user_tasks
        self._commit = store.commit
        self.check_time: Callable[[], None] | None = None
        self._deadline = deadline
        self._checked = 1  # statements known to be consistent with each other: a single one always is
        self.graph = WalkGraph(view, registry, root_id)
        self.host = host
        self.answer = AnswerState(status)
        self.outbox = outbox
        self.client_id = client_id
        self.may_retry = may_retry
        self.has_committed = False
        self.entry: Any = None
        self.missed: str | None = None
        self.after_commit: list[Callable[[], object]] = []
        if deadline is not None:
            deadline.check()
            self._commit = deadline.guard(store.commit)
            self.check_time = deadline.check
        if outbox is not None:
            outbox.begin()

    # What the runtime calls.

    def execute(self, request: WalkRequest, answers: Answers) -> WalkAnswer | Blocked:
        """Run the walk in this thread, and commit it. Raises Unfit if another attempt is needed, or what the walk raised."""
        token = enter_run(self)
        try:
            walker, start = self._begin(request)
            if isinstance(request.mode, Later):
                self.answer.custom = {"walker_id": create_task(walker, start)}
            else:
                walk_through(self, walker, [start])
            return self._conclude(request, answers, walker)
        except BaseException as error:
            raise_verdict(error, self)
            raise
        finally:
            leave_run(token)

    async def execute_async(self, request: WalkRequest, answers: Answers) -> WalkAnswer | Blocked:
        """Run the walk of a walker with async abilities on the event loop for these. Otherwise as `execute`."""
        token = enter_run(self)
        try:
            walker, start = self._begin(request)
            await awalk_through(self, walker, [start])
            return self._conclude(request, answers, walker)
        except BaseException as error:
            raise_verdict(error, self)
            raise
        finally:
            leave_run(token)

    def leave_loop(self, in_thread: InThread) -> None:
        """Make all further calls of the store by `in_thread` where they would block the event loop for async abilities."""
        if not isinstance(self._store, OffLoop):
            self._store = cast("GraphStore", OffLoop(self._store, in_thread))
            self._view = cast("View", OffLoop(self._view, in_thread))
            self._commit = partial(off_loop, in_thread, self._commit)
            self.graph.read_from(self._view)

    def finish(self, changes: Changes, answer: WalkAnswer) -> WalkAnswer | Blocked:
        """Commit after waiting for locks. Raises Unfit if another attempt is needed."""
        token = enter_run(self)
        try:
            return self._end(changes, answer)
        except BaseException as error:
            raise_verdict(error, self)
            raise
        finally:
            leave_run(token)

    # What the program calls, through verbs.

    def commit(self) -> None:
        """Commit in the middle of the walk. Waits in this thread for locks of other walks. Raises Conflict, CommitInDoubt."""
        try:
            changes = self.graph.changes()
            if changes and (held := self.host.held(keys := locks_of(self.graph, changes))):
                self.host.acquire(*split(self.graph, keys, held))
            self.write_patiently(changes)
        except Lost:
            if self.has_committed:
                raise Conflict from None
            raise  # nothing was written: the walk may be retried
        except CommitInDoubt:
            self.has_committed = True
            raise
        self.has_committed = True
        if self._deadline is not None:
            self._deadline.resume()
        if self.outbox is not None:
            self.outbox.end_retries()
        if self._store.is_shared:
            self.graph.begin_unit()

    def notify(self, addressees: Addressees, data: bytes, now: bool) -> None:
        """Send a notification, or hold it until the commit. With `now` it is sent in any case."""
        if self.outbox is None:
            self.outbox = WalkOutbox(self._notify, self.may_retry and not self.has_committed)
        self.outbox.put(addressees, data, now, self.graph.is_dirty, self._check_in_walk)

    # How it ends.

    def write_patiently(self, changes: Changes) -> None:
        """Commit, and wait in this thread for locks that others hold. Raises Lost, Conflict."""
        while True:
            try:
                return self._write(changes) if changes else self._end_unchanged(changes)
            except Held as held:
                self.host.acquire(*split(self.graph, held.keys, held.keys))

    def check(self) -> None:
        """Raise Lost unless everything that was read so far is consistent.

        One statement always is, and the view may know that all are. Nothing is checked again if nothing was read since the
        last check. After the first Lost every check raises it: the run is void, whatever the program does.
        """
        self._raise_if_void()
        statements = self.graph.statements
        if statements <= self._checked or self._view.is_one_moment:
            return
        try:
            self._store.check(self.graph.reads)
        except Lost as lost:
            self.graph.lose(lost)
        self._checked = statements

    def _begin(self, request: WalkRequest) -> tuple[Walker, Any]:
        node, kinds = request.entry
        start = self._find(node, request.options.habit) if node else self.graph.root()
        if not isinstance(start, Node | Edge):
            raise NoAccess(str(parse_reference(node)))
        if kinds is not None and _kind_of(start) not in kinds:
            raise Refused("Forbidden")
        mode = request.mode
        walker: Any
        if isinstance(mode, TaskRun):
            walker = self._find(mode.id)
        else:
            walker = request.walker(**nodes_found(request.walker, request.fields(), self._find))
            if mode is not None and mode.id is not None:
                walker.__jac__.id = mode.id
        self.answer.returns, self.entry = walker.__jac__.returns, start
        return walker, start

    def _find(self, text: str, habit: Habit | None = None) -> Any:
        reference = parse_reference(text)
        if habit is not None and (ahead := habit.ahead_of(reference.id)) is not None:
            self._view.expect(self.graph.caller, ahead)
        found = self.graph.find(reference.id)
        if found is None:
            raise NoAccess(str(reference))
        return found

    def _conclude(self, request: WalkRequest, answers: Answers, walker: Walker) -> WalkAnswer | Blocked:
        if self.has_committed:
            self.graph.renew_all([self.answer.custom, self.answer.reports])
        if request.options.habit is not None and request.entry.node:
            first = next(iter(self.graph.reads.neighbourhoods), None)  # a dictionary keeps its order
            request.options.habit.learn(self.entry.__jac__.id, first)
        answer, mode = answers.answer_of(self.answer), request.mode
        if isinstance(mode, TaskRun):
            if mode.is_forgotten:
                self.graph.delete(walker)
            changes = self.graph.changes()
            changes.ended_task = task_end(mode, self.answer, answer)
        else:
            changes = self.graph.changes()
        return self._end(changes, answer)

    def _end(self, changes: Changes, answer: WalkAnswer) -> WalkAnswer | Blocked:
        if not changes:
            self._end_unchanged(changes, is_last=True)
            return answer
        if not self.host.is_quiet() and (held := self.host.held(keys := locks_of(self.graph, changes))):
            return Blocked(self, keys, held, changes, answer)
        try:
            self._write(changes)
        except Held as told:
            return Blocked(self, told.keys, told.keys, changes, answer)
        return answer

    def _write(self, changes: Changes) -> None:
        """Commit, and send the notifications. Raises Lost, Held, Limited."""
        self._raise_if_void()
        if changes.new_tasks:
            self._bound_tasks(len(changes.new_tasks))
        then = self._release
        if (changes.changed_nodes or changes.deleted_nodes) and (
            nodes := self.graph.working_set.changed_rights(changes)
        ):
            then = partial(self._release_after, nodes)
        try:
            self._commit(self.graph.reads, changes, then, self.host.owned())
        except Lost as lost:
            self.graph.lose(lost)
        self._view = self._store.latest()
        self.graph.read_from(self._view)  # a snapshot does not show what was written
        if changes.new_tasks:
            self.host.tasks_added()
        self._begin_unit(changes)

    def _bound_tasks(self, new: int) -> None:
        """Raise Limited if the user would have too many pending tasks. Timetables are not bounded."""
        most = self._user_tasks
        if not most or self.graph.caller == SYSTEM_ROOT:
            return
        if self._store.pending_tasks(self.graph.caller, most) + new > most:
            raise Limited(
                f"{most} of your tasks are pending, the most that one user may have. Please try again later!"
            )

    def _end_unchanged(self, changes: Changes, is_last: bool = False) -> None:
        """Check the reads in place of a commit, and send the notifications. Raises Lost.

        With `is_last` the walk is over, and the graph is not used any more.
        """
        self.check()
        self._release()
        if self.after_commit or not is_last:
            self._begin_unit(changes)

    def _begin_unit(self, committed: Changes) -> None:
        """Take the commit as the new state, and call what the program gave to `after_commit()`."""
        self.graph.committed(committed)  # a node that the program keeps is known to be stored from now on
        self._checked = 1
        functions, self.after_commit = self.after_commit, []
        for function in functions:
            try:
                function()
            except Exception:
                _log.exception("A function given to after_commit() failed; what was committed stays")

    def _check_in_walk(self) -> None:
        """Check before a notification is sent at once. Raises Conflict in a walk that has committed, as it cannot be retried."""
        try:
            self.check()
        except Lost:
            if self.has_committed:
                raise Conflict from None
            raise

    def _raise_if_void(self) -> None:
        if self.graph.lost is not None:
            raise self.graph.lost

    def _release_after(self, nodes: list[NodeRecord | str]) -> None:
        """Send the notifications, and tell before them whose rights the commit changed: a user who lost READ does not hear them.

        That a node was deleted is told after them: those who could read it may hear so.
        """
        deleted = [node for node in nodes if isinstance(node, str)]
        self._tell_rights([node for node in nodes if not isinstance(node, str)])
        self._release()
        self._tell_rights(deleted)

    def _tell_rights(self, nodes: Sequence[NodeRecord | str]) -> None:
        for start in range(0, len(nodes), CHANGES_AT_ONCE):
            self._notify(Addressees("rights", ()), encode_changes(nodes[start : start + CHANGES_AT_ONCE]))

    def _release(self) -> None:
        if self.outbox is not None:
            self.outbox.release()


def _kind_of(entry: Node | Edge) -> str:
    """Return the name of the class at which a walk enters; `root` for a root."""
    return entry.__jac__.kind or ("root" if isinstance(entry, Node) else type(entry).__name__)
