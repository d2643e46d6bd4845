"""Run: one attempt at a walk as a unit of work. It owns the graph as the walk sees it, its notifications and its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

from walkwire.errors import CommitInDoubt, Conflict, NoAccess, Refused
from walkwire.ids import parse_reference
from walkwire.store import Changes, GraphStore, Held, KeyedCall, Lost, NodeRecord, UnitOfWork, View
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.audience import Addressees
from walkwire.walk.current import AnswerState, Host
from walkwire.walk.graph.graph import WalkGraph
from walkwire.walk.graph.habit import Habit
from walkwire.walk.registry import Registry
from walkwire.walk.run.answer import Answers, WalkAnswer, task_end
from walkwire.walk.run.off_loop import InThread, OffLoop, off_loop
from walkwire.walk.run.request import Later, TaskRun, WalkRequest
from walkwire.walk.run.verdict import Blocked, Judgement
from walkwire.walk.unit.batch import Uncommitted
from walkwire.walk.unit.deadline import Deadline
from walkwire.walk.unit.needed import locks_of, split
from walkwire.walk.unit.outbox import Notify, WalkOutbox, tell_rights, with_entries
from walkwire.walk.unit.record import WalkRecord
from walkwire.walk.walker.fields import nodes_found
from walkwire.walk.walker.task import bound_tasks, create_task
from walkwire.walk.walker.walker import Walker, awalk_through, walk_through

_log = logging.getLogger("walkwire.walk")

Outcome: TypeAlias = WalkAnswer | Blocked | Uncommitted[WalkAnswer | Blocked]


class Run:
    """One attempt at a walk. Used in one thread at a time, never on the event loop of the sockets.

    - graph: the graph as this run sees it
    - host: what surrounds the run: a server, or nothing
    - answer: status, reports and returns so far
    - outbox: the notifications; None until there is one. A retry is given the outbox of the attempt before.
    - client_id: the connection whose event this is, or None
    - may_retry: whether a conflict leads to another attempt
    - may_leave: whether the run may end uncommitted, to be committed together with others
    - has_committed: whether the program called `commit()`; such a run is never retried
    - record: what is recorded of it; None: nobody watches
    """

    __slots__ = (
        "_call",
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
        "may_leave",
        "may_retry",
        "missed",
        "outbox",
        "record",
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
        call: KeyedCall | None = None,
    ) -> None:
        self._store = store
        self._view = view
        self._notify = notify
        self._user_tasks = user_tasks
        self._call = call
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
        self.may_leave = False
        self.has_committed = False
        self.entry: Any = None
        self.missed: str | None = None
        self.record: WalkRecord | None = None
        self.after_commit: list[Callable[[], object]] = []
        if deadline is not None:
            deadline.check()
            self._commit = deadline.guard(store.commit)
            self.check_time = deadline.check
        if outbox is not None:
            outbox.begin()

    # What the runtime calls.

    def watch(self, record: WalkRecord) -> None:
        """Record in it what is done from now on."""
        self.record = record
        record.begin(self.graph)
        self._notify = partial(record.send, self._notify)
        self._commit = partial(record.commit, self._commit)

    def execute(self, request: WalkRequest, answers: Answers) -> Outcome:
        """Run the walk in this thread, and commit it. Raises Unfit if another attempt is needed, or what the walk raised."""
        with Judgement(self):
            walker, start = self._begin(request)
            if isinstance(request.mode, Later):
                self.answer.custom = {"walker_id": create_task(walker, start)}
            else:
                walk_through(self, walker, [start])
            return self._conclude(request, answers, walker)

    async def execute_async(self, request: WalkRequest, answers: Answers) -> WalkAnswer | Blocked:
        """Run the walk of a walker with async abilities on the event loop for these. Otherwise as `execute`."""
        with Judgement(self):
            walker, start = self._begin(request)
            await awalk_through(self, walker, [start])
            outcome = self._conclude(request, answers, walker)
            assert not isinstance(outcome, Uncommitted)
            return outcome

    def leave_loop(self, in_thread: InThread) -> None:
        """Make all further calls of the store by `in_thread` where they would block the event loop for async abilities."""
        if not isinstance(self._store, OffLoop):
            self._store = cast("GraphStore", OffLoop(self._store, in_thread))
            self._view = cast("View", OffLoop(self._view, in_thread))
            self._commit = partial(off_loop, in_thread, self._commit)
            self.graph.read_from(self._view)

    def finish(self, changes: Changes, answer: WalkAnswer) -> Outcome:
        """Commit after waiting for locks. Raises Unfit if another attempt is needed."""
        with Judgement(self):
            return self._end(changes, answer)

    def let_go(self) -> None:
        """Let go of the graph: the run is over. What is recorded looks at it once more."""
        if self.record is None:
            self.graph.end()

    # What the program calls, through verbs.

    def commit(self) -> None:
        """Commit in the middle of the walk. Waits in this thread for locks of other walks. Raises Conflict, CommitInDoubt."""
        try:
            changes = with_entries(self.graph.changes(), self.outbox)
            if changes:
                changes.call = self._call  # as long as it has no answer, a part is all that was done
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
        if self.record is not None:
            self.record.tell(addressees, data)
        if self.outbox is None:
            may_retry = self.may_retry and not self.has_committed
            self.outbox = WalkOutbox(self._notify, may_retry, self.host.entries_of)
        self.outbox.put(addressees, data, now, self.graph.is_dirty, self._check_in_walk, self._store.commit)

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
        kind = start.__jac__.kind or ("root" if isinstance(start, Node) else type(start).__name__)
        if kinds is not None and kind not in kinds:
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

    def _conclude(self, request: WalkRequest, answers: Answers, walker: Walker) -> Outcome:
        if self.has_committed:
            self.graph.renew_all([self.answer.custom, self.answer.reports])
        if request.options.habit is not None and request.entry.node:
            first = next(iter(self.graph.reads.neighbourhoods), None)  # a dictionary keeps its order
            request.options.habit.learn(self.entry.__jac__.id, first)
        answer, mode = answers.answer_of(self.answer), request.mode
        if isinstance(mode, TaskRun) and mode.is_forgotten:
            self.graph.delete(walker)
        changes = with_entries(self.graph.changes(), self.outbox)
        if isinstance(mode, TaskRun):
            changes.ended_task = task_end(mode, self.answer, answer)
        elif self._call is not None:
            changes.call = answers.kept(self._call, answer)
        return self._end(changes, answer)

    def _end(self, changes: Changes, answer: WalkAnswer) -> Outcome:
        if not changes:
            self._end_unchanged(changes, is_last=True)
            self.let_go()
            return answer
        if not self.host.is_quiet():
            if held := self.host.held(keys := locks_of(self.graph, changes)):
                return Blocked(self, keys, held, partial(self.finish, changes, answer))
        elif self.may_leave and not (self.after_commit or changes.new_tasks):
            return self._leave(changes, answer)
        try:
            self._write(changes)
        except Held as told:
            return Blocked(self, told.keys, told.keys, partial(self.finish, changes, answer))
        self.let_go()
        return answer

    def _leave(self, changes: Changes, answer: WalkAnswer) -> Uncommitted[WalkAnswer | Blocked]:
        """Leave the commit to the thread that commits for several walks. Nothing of the program runs after it."""
        then = self._prepare(changes)
        if self._deadline is not None:
            self._deadline.begin_commit()
        end = partial(self._return, changes, answer)
        unit = UnitOfWork(self.graph.reads, changes, then)
        return Uncommitted(unit, end if self.record is None else self.record.leave(changes, end))

    def _return(self, changes: Changes, answer: WalkAnswer, error: BaseException | None) -> WalkAnswer:
        """End after the commit that was left to others. `error`: what it raised. Raises Unfit if another attempt is needed."""
        if error is None:
            self._settle(changes)
            self.let_go()
            return answer
        with Judgement(self):
            if self._deadline is not None:
                self._deadline.resume()
            if isinstance(error, Lost):
                self.graph.lose(error)
            raise error

    def _write(self, changes: Changes) -> None:
        """Commit, and send the notifications. Raises Lost, Held, Limited."""
        then = self._prepare(changes)
        try:
            self._commit(self.graph.reads, changes, then, self.host.owned())
        except Lost as lost:
            self.graph.lose(lost)
        self._settle(changes)

    def _prepare(self, changes: Changes) -> Callable[[], None]:
        """Return what is to be done immediately after the commit of `changes`. Raises Lost, Limited."""
        self._raise_if_void()
        if changes.new_tasks:
            bound_tasks(self._store, self.graph.caller, self._user_tasks, len(changes.new_tasks))
        if self.record is not None:
            self.record.write(changes)
        nodes = self.graph.working_set.changed_rights(changes)
        return partial(self._release_after, nodes) if nodes else self._release

    def _settle(self, changes: Changes) -> None:
        self._view = self._store.latest()
        self.graph.read_from(self._view)  # a snapshot does not show what was written
        if changes.new_tasks:
            self.host.tasks_added()
        self._begin_unit(changes)

    def _end_unchanged(self, changes: Changes, is_last: bool = False) -> None:
        """Check the reads in place of a commit, and send the notifications. `is_last`: the walk is over. Raises Lost."""
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
        tell_rights(self._notify, [node for node in nodes if not isinstance(node, str)])
        self._release()
        tell_rights(self._notify, deleted)

    def _release(self) -> None:
        if self.outbox is not None:
            self.outbox.release()
