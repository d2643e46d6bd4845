"""Together: commits of one process that append to the same stream, made in one transaction.

A commit holds the row of a stream until it is on disk, so commits that append to one stream go to disk one after another. Those
that wait for the same stream are therefore gathered: the first of them makes the commits of all that have come while the one
before was on its way. A commit that finds nobody there is made by itself, at once.

One transaction makes all of them or none: if one is refused, nothing is written, and each is made by itself. So only commits are
gathered that do not touch what another one of them writes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from walkwire.errors import Busy
from walkwire.store import Changes, Reads
from walkwire.stores.postgres.commit import Commit
from walkwire.stores.sql.lookups import is_any

MOST = 16  # commits in one transaction
MOST_RECORDS = 500  # that they read and write

MakeAll = Callable[[Sequence["StreamCommit"]], bool]
"""Makes commits in one transaction. Returns False if nothing was written, and each is to be made by itself."""


class StreamCommit:
    """A commit, and what became of it.

    - is_made: whether it was made together with others; False: it is to be made by itself
    - error: what making it with others raised
    - leads: whether its thread makes the commits of those that wait
    - news: set when any of these is known
    """

    def __init__(self, commit: Commit, reads: Reads, changes: Changes, then: Callable[[], None]) -> None:
        self.commit, self.changes, self.then = commit, changes, then
        self.touched = _Touched(reads, changes)
        self.is_made = self.leads = False
        self.error: BaseException | None = None
        self.news = threading.Event()


class _Touched:
    """What a commit reads and writes, as far as another one may get in its way."""

    def __init__(self, reads: Reads, changes: Changes) -> None:
        self.written = {node.id for node in changes.changed_nodes} | {
            edge.id for edge in changes.changed_edges
        }
        self.read = {*reads.nodes, *reads.edges, *self.written}
        self.ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
        self.neighbourhoods = {selection.node for selection in reads.neighbourhoods}

    def is_apart(self, other: _Touched) -> bool:
        """Return whether neither writes what the other one reads or writes. Both may add edges to the same node."""
        return (
            self.written.isdisjoint(other.read)
            and other.written.isdisjoint(self.read)
            and self.ends.isdisjoint(other.neighbourhoods)
            and other.ends.isdisjoint(self.neighbourhoods)
        )


def is_plain(reads: Reads, changes: Changes) -> bool:
    """Return whether a commit may be made together with others: it deletes and has searched nothing, and has no key."""
    return not (
        changes.deleted_nodes or changes.deleted_edges or changes.call or changes.ended_task or is_any(reads)
    )


class Together:
    """Gathers commits by the stream to which they append.

    - make_all: makes several
    - seconds: how long a commit waits to be made
    """

    def __init__(self, make_all: MakeAll, seconds: float) -> None:
        self._make_all = make_all
        self._seconds = seconds
        self._lock = threading.Lock()
        self._queues: dict[str, deque[StreamCommit]] = {}  # of the streams for which a thread makes commits

    def make(self, topic: str, member: StreamCommit) -> bool:
        """Make a commit with those that wait for the same stream. Returns False if it is to be made by itself.

        Raises what making it raised, and Busy if its turn does not come in time. The caller calls `done` if it is to be made by
        itself, once that is over.
        """
        with self._lock:
            queue = self._queues.get(topic)
            if queue is None:
                self._queues[topic] = deque()
                member.leads = True
                return False  # nobody waits: it is made by itself
            queue.append(member)
        self._wait(queue, member)
        if member.leads:
            self._lead(queue)
        if member.error is not None:
            raise member.error
        return member.is_made

    def done(self, topic: str, member: StreamCommit) -> None:
        """Let the next one go on that waits for a stream, if this one has kept it waiting."""
        if not member.leads:
            return
        with self._lock:
            queue = self._queues[topic]
            if not queue:
                del self._queues[topic]
                return
            queue[0].leads = True
            queue[0].news.set()

    def _wait(self, queue: deque[StreamCommit], member: StreamCommit) -> None:
        if member.news.wait(self._seconds):
            return
        with self._lock:
            if not member.leads and member in queue:
                queue.remove(member)
                raise Busy
        member.news.wait()  # its commit is on its way, or it is its turn

    def _lead(self, queue: deque[StreamCommit]) -> None:
        """Make the commits of those that wait; of a single one nothing, as it is made by itself."""
        some = self._take(queue)
        if len(some) == 1:
            return
        try:
            is_made, error = self._make_all(some), None
        except BaseException as raised:  # whatever it is: each of them has a thread that waits
            is_made, error = False, raised
        for one in some:
            one.is_made, one.error = is_made, error
            one.news.set()

    def _take(self, queue: deque[StreamCommit]) -> list[StreamCommit]:
        """Take those that can be committed together, in their order, up to the first that cannot."""
        with self._lock:
            some = [queue.popleft()]
            size = some[0].commit.size
            while queue and len(some) < MOST:
                one = queue[0]
                size += one.commit.size
                if size > MOST_RECORDS or not all(one.touched.is_apart(other.touched) for other in some):
                    break
                some.append(queue.popleft())
            return some
