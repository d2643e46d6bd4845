"""Commit: the reads and changes of one walk as one transaction, in one statement.

`walkwire_commit` (`functions`) acquires all locks (`locks`), then checks what was read, then writes. If it did, `walkwire_append`
(`streams`) appends to streams. PostgreSQL holds the locks while it works, never while it waits for this
process. Commits that append to the same stream may share one statement (`together`).

There are two exceptions. What a commit deletes is looked up before, without a lock, and checked again under the locks.
The searches, tasks and users that a walk looked up are queried again by this process, under the locks.

Why this is serialisable: everything that a commit has read is checked while it is locked, and stays locked until others can see
the commit. So the effect is as if each walk had run alone, in the order in which the commits became visible. Any statement and
any snapshot sees the first commits of this order.

`READ COMMITTED` is the right level, because each statement sees what was committed before it began: the checks begin once the
locks are held. Under `SERIALIZABLE`, PostgreSQL detects conflicts itself, but by pages of indexes as well as by rows, and so also
between walks that have no record in common.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from psycopg import Error, Rollback
from sqlalchemy import Connection

from walkwire.store import (
    Changes,
    EdgeRecord,
    Held,
    KeyedCall,
    KeyTaken,
    Lost,
    NodeRecord,
    Reads,
    TaskTaken,
    lock_keys,
)
from walkwire.stores.postgres.driver.pool import Raw, driver_of
from walkwire.stores.postgres.driver.prepared import (
    Prepared,
    Value,
    literal,
    long_numbers,
    numbers,
    texts,
    truths,
)
from walkwire.stores.postgres.functions import NUMBERS, TAKEN
from walkwire.stores.postgres.locks import (
    NOTHING,
    CommitLocks,
    Cut,
    Gone,
    merged,
    shared_lock_numbers,
    written_kinds,
)
from walkwire.stores.postgres.outcome import CommitTag
from walkwire.stores.postgres.statements import CUT_EDGES, EDGES_AT, NODE_KINDS
from walkwire.stores.postgres.streams import ARGUMENTS, AS_TEXT, append_values, take_places
from walkwire.stores.sql import lookups
from walkwire.stores.sql.selections import shape_of


def _call(function: str, arguments: int, as_text: Iterable[int] = (), appends: bool = False) -> Prepared:
    """Return a prepared call of a function. All arguments are arrays, except those at the positions `as_text`, counted from 1.

    `appends`: `walkwire_append` is called after it, with the arguments that follow, if it returns nothing.
    """
    is_text, name = set(as_text), function
    call = f"{function}({_places(1, arguments)})"
    if appends:
        is_text.update(arguments + place for place in AS_TEXT)
        call = f"coalesce({call}, walkwire_append({_places(arguments + 1, arguments + ARGUMENTS)}))"
        arguments, name = arguments + ARGUMENTS, f"{function}_append"
    is_binary = [place not in is_text for place in range(1, arguments + 1)]
    return Prepared(f"SELECT {call}", is_binary, name)


def _places(first: int, last: int) -> str:
    return ", ".join(f"${place}" for place in range(first, last + 1))


_COMMIT = _call("walkwire_commit", 41, as_text=(1, 2, 40, 41))
_KEYED_COMMIT = _call("walkwire_keyed_commit", 50, as_text=(1, 2, *range(40, 51)))
_COMMIT_AND_APPEND = _call("walkwire_commit", 41, as_text=(1, 2, 40, 41), appends=True)
_KEYED_COMMIT_AND_APPEND = _call("walkwire_keyed_commit", 50, as_text=(1, 2, *range(40, 51)), appends=True)


@cache
def _together(count: int) -> Prepared:
    """Return a prepared call that makes so many commits, then appends the entries of all. One that refuses fails all of them.

    A commit that does not refuse returns nothing. What it returns otherwise is no integer.
    """
    calls = [
        f"walkwire_commit({_places(41 * each + 1, 41 * each + 41)})::integer::text" for each in range(count)
    ]
    calls.append(f"walkwire_append({_places(41 * count + 1, 41 * count + ARGUMENTS)})")
    is_text = {41 * each + place for each in range(count) for place in (1, 2, 40, 41)}
    is_text.update(41 * count + place for place in AS_TEXT)
    is_binary = [place not in is_text for place in range(1, 41 * count + ARGUMENTS + 1)]
    return Prepared(f"SELECT coalesce({', '.join(calls)})", is_binary, f"walkwire_commit_{count}")


_LOST = _call("walkwire_lost", 12)
_LOCK = Prepared(
    "SELECT count(CASE WHEN is_alone THEN pg_advisory_xact_lock(number) ELSE pg_advisory_xact_lock_shared(number) END) "
    "FROM unnest($1::bigint[], $2::boolean[]) AS given(number, is_alone)",
    [True, True],
)
# Classes of SQLSTATE that are about the connection, a lock or the time: commits that share a statement fail together then.
_COMMON = ("08", "55", "57")
_NO_TEXTS, _NO_NUMBERS = texts(()), numbers(())
_NO_LONG_NUMBERS, _NO_TRUTHS = long_numbers(()), truths(())
_NO_NODES, _NO_EDGES = [_NO_TEXTS] * 5, [_NO_TEXTS] * 7
_NO_MARKS = [_NO_NUMBERS, _NO_TEXTS, _NO_TEXTS, _NO_TEXTS, _NO_TEXTS, _NO_NUMBERS, _NO_TEXTS]
_UNCHANGED_NODES = [_NO_TEXTS, _NO_NUMBERS, _NO_TEXTS, _NO_TEXTS]
_UNCHANGED_EDGES = [_NO_TEXTS, _NO_NUMBERS, _NO_TEXTS]


class Commit:
    """One commit, which may have to be attempted several times.

    - `mine`: names of the shared locks that the walk holds.
    - `bound`: the largest number of locks. A commit that needs more takes the one lock that excludes all other commits.
    """

    def __init__(self, reads: Reads, changes: Changes, mine: Iterable[str], bound: int) -> None:
        self._reads = reads
        self._changes = changes
        self._mine = mine
        self._bound = bound
        self.size = size_of(reads, changes)

    def make(self, connection: Raw, tag: CommitTag) -> bool:
        """Commit. Returns False if it has to be attempted again, with nothing written: a node to delete has got another edge
        meanwhile, or the connection's row is gone.

        Raises Held, Lost, TaskTaken or KeyTaken.
        """
        gone = self._look_up(connection)
        locks = CommitLocks(self._reads, self._changes, gone, self._bound)
        return self._send(connection, tag, gone, locks)

    def make_after_lookups(self, connection: Connection, tag: CommitTag) -> bool:
        """Do the same as `make` for a walk that searched, or looked up tasks or users: lock, query again, commit."""
        raw = driver_of(connection)
        gone = self._look_up(raw)
        locks = CommitLocks(self._reads, self._changes, gone, self._bound)
        with raw.transaction() as transaction:
            _LOCK.run(raw, [long_numbers(locks.numbers), truths(locks.alone)])
            lookups.check(connection, self._reads)
            is_made = self._send(raw, tag, gone, locks)
            if not is_made:
                raise Rollback(transaction)
        return is_made

    @staticmethod
    def make_together(connection: Raw, tag: CommitTag, commits: Sequence[Commit]) -> bool:
        """Make several commits, in their order, in one statement. Each appends to streams, and deletes nothing.

        Returns False, with nothing written, if one of them is refused or has an error, or if they need too many locks.
        """
        locks = [CommitLocks(each._reads, each._changes, NOTHING, each._bound) for each in commits]
        numbers, alone = merged(locks)
        if any(each.is_alone for each in locks) or len(numbers) > commits[0]._bound:
            return False
        values: list[Value] = []
        entries = [entry for each in commits for entry in each._changes.entries]
        try:
            for each in commits:
                values += each._values(tag, NOTHING, numbers, alone, list(each._shared_locks(NOTHING)))
                numbers, alone = [], []  # the first one acquires those of all
            answer = _together(len(commits)).value(connection, [*values, *append_values(entries)])
        except UnicodeError:
            return False
        except Error as error:
            if error.sqlstate is None or error.sqlstate[:2] in _COMMON:
                raise
            if '"session"' in str(error):
                connection.session = None
            return False
        assert answer is not None
        take_places(entries, json.loads(answer)["places"])
        return True

    def take_all_locks(self) -> None:
        """Make further attempts take the one lock for all commits instead of many locks."""
        self._bound = 0

    def _send(self, connection: Raw, tag: CommitTag, gone: Gone, locks: CommitLocks) -> bool:
        shared_locks = self._shared_locks(gone)
        values = self._values(tag, gone, locks.numbers, locks.alone, list(shared_locks))
        answer = self._call(connection, values)
        if answer is None:
            return True
        refusal = json.loads(answer)
        if "places" in refusal:
            take_places(self._changes.entries, refusal["places"])
            return True
        if "held" in refusal:
            raise Held(shared_locks[number] for number in refusal["held"])
        if "records" in refusal:
            raise Lost(refusal["records"], refusal["neighbourhoods"])
        if "task" in refusal and self._changes.ended_task is not None:
            raise TaskTaken(self._changes.ended_task.id)
        if "session" in refusal:
            connection.session = None
        return False

    def _call(self, connection: Raw, values: list[Value]) -> bytes | None:
        call, entries = self._changes.call, self._changes.entries
        if call is not None:
            values += _keyed(call)
        if not entries:
            statement = _COMMIT if call is None else _KEYED_COMMIT
        else:
            statement = _COMMIT_AND_APPEND if call is None else _KEYED_COMMIT_AND_APPEND
            values += append_values(entries)
        try:
            return statement.value(connection, values)
        except Error as error:
            if error.sqlstate == TAKEN:
                raise KeyTaken from None
            raise

    def _look_up(self, connection: Raw) -> Gone:
        """Return what is to be deleted."""
        changes = self._changes
        if not changes.deleted_edges and not changes.deleted_nodes:
            return NOTHING
        cut, kinds = [], set()
        if changes.deleted_edges:
            cut += CUT_EDGES.run(connection, ids=changes.deleted_edges)
        if changes.deleted_nodes:
            cut += EDGES_AT.run(connection, ids=changes.deleted_nodes)
            kinds = {row[0] for row in NODE_KINDS.run(connection, ids=changes.deleted_nodes)}
        return Gone([Cut._make(row) for row in cut], kinds)

    def _shared_locks(self, gone: Gone) -> dict[int, str]:
        """Return the shared locks, by number, that other walks may hold on what this commit writes."""
        changes = self._changes
        records = [*(node.id for node in changes.changed_nodes), *(edge.id for edge in changes.changed_edges)]
        new = {node.id for node in changes.new_nodes}
        ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
        ends.update(end for edge in gone.edges for end in (edge.source, edge.target))
        deleted = changes.deleted_nodes
        keys = lock_keys([*records, *deleted], (ends - new).union(deleted), written_kinds(changes, gone))
        return shared_lock_numbers(keys.difference(self._mine))

    def _values(
        self,
        tag: CommitTag,
        gone: Gone,
        locks: Sequence[int],
        alone: Sequence[bool],
        shared_locks: Sequence[int],
    ) -> list[Value]:
        """Return the arguments of `walkwire_commit`, in its order."""
        changes, reads = self._changes, self._reads
        nodes = {node.id: node.version for node in changes.changed_nodes} | reads.nodes
        edges = {edge.id: edge.version for edge in changes.changed_edges} | reads.edges
        ends = _old_ends(changes) - reads.nodes.keys()
        return [
            tag.session.encode(),
            str(tag.number).encode(),
            long_numbers(shared_locks) if shared_locks else _NO_LONG_NUMBERS,
            long_numbers(locks),
            truths(alone),
            *_expected(nodes, edges),
            texts(ends) if ends else _NO_TEXTS,
            *_marks(reads),
            *_new_nodes(changes.new_nodes),
            *_new_edges(changes.new_edges),
            *_changed_nodes(changes.changed_nodes),
            *_changed_edges(changes.changed_edges),
            texts(changes.deleted_nodes),
            texts(changes.deleted_edges),
            texts(edge.id for edge in gone.edges),
            _as_json([task._asdict() for task in changes.new_tasks]) if changes.new_tasks else None,
            None if changes.ended_task is None else _as_json(changes.ended_task._asdict()),
        ]


def check(connection: Raw, reads: Reads) -> None:
    """Raise Lost unless all records and neighbourhoods of `reads` are unchanged, judged in one snapshot: that of the open
    transaction, or of this statement.
    """
    answer = _LOST.value(connection, [*_expected(reads.nodes, reads.edges), _NO_TEXTS, *_marks(reads)])
    if answer is not None:
        lost = json.loads(answer)
        raise Lost(lost["records"], lost["neighbourhoods"])


def check_all(connection: Connection, reads: Reads) -> None:
    """Do the same as `check`, with searches, tasks and users too. Call it in a transaction that reads one snapshot."""
    check(driver_of(connection), reads)
    lookups.check(connection, reads)


def size_of(reads: Reads, changes: Changes | None = None) -> int:
    """Return how many records and neighbourhoods are read and written."""
    size = len(reads.nodes) + len(reads.edges) + len(reads.neighbourhoods)
    if changes is not None:
        size += len(changes.new_nodes) + len(changes.changed_nodes) + len(changes.deleted_nodes)
        size += len(changes.new_edges) + len(changes.changed_edges) + len(changes.deleted_edges)
        size += len(changes.entries)
    return size


def _old_ends(changes: Changes) -> set[str]:
    ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
    return ends.difference(node.id for node in changes.new_nodes)


def _expected(nodes: dict[str, int], edges: dict[str, int]) -> list[bytes]:
    return [
        *((texts(nodes), numbers(nodes.values())) if nodes else (_NO_TEXTS, _NO_NUMBERS)),
        *((texts(edges), numbers(edges.values())) if edges else (_NO_TEXTS, _NO_NUMBERS)),
    ]


def _marks(reads: Reads) -> list[bytes]:
    found = reads.neighbourhoods
    if not found:
        return _NO_MARKS
    marks: Iterable[Any] = found.values()
    return [
        numbers(NUMBERS[shape_of(selection)] for selection in found),
        texts(selection.node for selection in found),
        texts(_optional(selection.edge_kinds) for selection in found),
        texts(_optional(selection.node_kinds) for selection in found),
        texts(_optional(selection.far) for selection in found),
        numbers(abs(selection.limit or 0) for selection in found),
        texts("{" + ",".join(map(str, mark)) + "}" for mark in marks),
    ]


def _optional(values: Iterable[str] | None) -> str | None:
    return None if values is None else literal(values)


def _new_nodes(records: list[NodeRecord]) -> list[bytes]:
    if not records:
        return _NO_NODES
    ids, kinds, owners, _, data, access = zip(*records, strict=True)
    return [texts(ids), texts(kinds), texts(owners), texts(data), texts(access)]


def _new_edges(records: list[EdgeRecord]) -> list[bytes]:
    if not records:
        return _NO_EDGES
    ids, kinds, sources, source_kinds, targets, target_kinds, _, data = zip(*records, strict=True)
    return [*map(texts, (ids, kinds, sources, source_kinds, targets, target_kinds, data))]


def _changed_nodes(records: list[NodeRecord]) -> list[bytes]:
    if not records:
        return _UNCHANGED_NODES
    ids, _, _, versions, data, access = zip(*records, strict=True)
    return [texts(ids), numbers(versions), texts(data), texts(access)]


def _changed_edges(records: list[EdgeRecord]) -> list[bytes]:
    if not records:
        return _UNCHANGED_EDGES
    return [
        texts(record.id for record in records),
        numbers(record.version for record in records),
        texts(record.data for record in records),
    ]


def _keyed(call: KeyedCall) -> list[Value]:
    values = [call.root_id, call.key, call.call, call.digest, str(call.status), call.body]
    values += [str(call.is_response).lower(), repr(call.made), repr(call.expires)]
    return [None if value is None else value.encode() for value in values]


def _as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
