"""Commit: one walk's reads and changes as one transaction, in two round trips.

The first opens it, and asks for its number and for the ends of edges that are to go. The second takes all locks (`locks`), then
checks what was read, then writes, and commits: the locks are held while PostgreSQL works, never while it waits for us.

Why this is serialisable: all that a commit has read is checked while it is locked, and stays locked until the commit is seen by
others. So walks are in effect as if each had run alone, in the order in which their commits became visible; and what any one
statement sees, or any snapshot, is the work of the first so many of them. `READ COMMITTED` is the level for this, as each
statement sees what was committed before it began: the checks begin when the locks are held. Under `SERIALIZABLE` PostgreSQL finds
conflicts by itself, but by pages of indexes as well as by rows, and so between walks that have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection, Cursor, errors

from walkwire.store import Changes, CommitInDoubt, Held, Lost, Reads, Selection, TaskTaken, lock_keys
from walkwire.stores.postgres import checks
from walkwire.stores.postgres.locks import CommitLocks, Cut, crowd_numbers
from walkwire.stores.postgres.pool import Raw
from walkwire.stores.postgres.statements import CUT_EDGES, EDGES_AT, EDGES_BY_ID, NODES_BY_ID, Statement
from walkwire.stores.selections import parameters

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_NUMBER = "SELECT pg_current_xact_id()::text"
_OUTCOME = "SELECT pg_xact_status(%s::xid8)"


class Commit:
    """One commit, which may have to be tried several times. `mine` are the locks of a crowd (`crowd`) that the walk has. It takes
    up to `bound` others; where it needs more, the one for all."""

    def __init__(self, reads: Reads, changes: Changes, mine: Iterable[str], bound: int) -> None:
        self._reads = reads
        self._changes = changes
        self._mine = mine
        self._bound = bound
        self._cut: list[Cut] = []
        self.size = size_of(reads, changes)
        self.number: str | None = None
        self.broken: float | None = None  # when its connection broke for the first time
        self._era: str | None = None

    def begin(self, connection: Raw) -> None:
        """The first round trip. After it the transaction has a number, by which the database knows its outcome."""
        self._era, changes = connection.era, self._changes
        answers = []
        with connection.pipeline():
            connection.execute(_BEGIN)
            number = connection.execute(_NUMBER)
            if changes.deleted_edges:
                answers.append(CUT_EDGES.run(connection, ids=changes.deleted_edges))
            if changes.deleted_nodes:
                answers.append(EDGES_AT.run(connection, ids=changes.deleted_nodes))
        self._cut = [edge for answer in answers for edge in answer.fetchall()]
        self.number = str(number.fetchall()[0][0])

    def end(self, connection: Connection[Any]) -> bool:
        """The second round trip. Raises Held, Lost or TaskTaken; False where a node that is to go has got another edge meanwhile,
        and all is to be tried again. Nothing is written then."""
        locks = CommitLocks(self._reads, self._changes, self._cut, self._bound)
        crowd = self._crowd()
        with connection.pipeline():
            held = checks.HELD.run(connection, number=list(crowd)) if crowd else None
            checks.LOCK.run(connection, number=locks.numbers, alone=locks.alone)
            lost = _Answers(connection, self._expected(), self._changes)
            others = None if locks.is_alone else self._look_for_others(connection)
            taken = self._end_task(connection)
            self._write(connection)
            connection.execute("COMMIT")
        if held is not None and (numbers := [row[0] for row in held.fetchall()]):
            raise Held(crowd[number] for number in numbers)
        lost.judge()
        if taken is not None and taken.fetchall():
            raise TaskTaken(self._changes.ended_task.id if self._changes.ended_task else "")
        return others is None or not others.fetchall()

    def was_made(self, connection: Raw) -> bool | None:
        """Whether it was, asked after its own connection broke; None where the database is still at it. Raises CommitInDoubt."""
        try:
            ((outcome,),) = connection.execute(_OUTCOME, [self.number]).fetchall()
        except errors.InvalidParameterValue:  # it crashed, and has not counted so far again
            return False
        if outcome == "in progress":
            return None
        if outcome != "committed" or connection.era == self._era:
            return bool(outcome == "committed")
        return self._is_there(connection)

    def _is_there(self, connection: Raw) -> bool:
        """Whether the new records are, whose ids nobody else gives: after a crash the number may be another transaction's."""
        if nodes := self._changes.new_nodes:
            return bool(NODES_BY_ID.run(connection, ids=[nodes[0].id]).fetchall())
        if edges := self._changes.new_edges:
            return bool(EDGES_BY_ID.run(connection, ids=[edges[0].id]).fetchall())
        raise CommitInDoubt

    def take_all_locks(self) -> None:
        """Take the one lock for all instead of many from now on."""
        self._bound = 0

    def _crowd(self) -> dict[int, str]:
        """What walks that run again may hold of what this one writes."""
        changes = self._changes
        records = [*(node.id for node in changes.changed_nodes), *(edge.id for edge in changes.changed_edges)]
        new = {node.id for node in changes.new_nodes}
        ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
        ends.update(end for _, *both in self._cut for end in both)
        gone = changes.deleted_nodes
        return crowd_numbers(lock_keys([*records, *gone], (ends - new).union(gone)).difference(self._mine))

    def _expected(self) -> Reads:
        """What has to be so: what was read, and what is to be changed as it was."""
        nodes = {node.id: node.version for node in self._changes.changed_nodes} | self._reads.nodes
        edges = {edge.id: edge.version for edge in self._changes.changed_edges} | self._reads.edges
        return Reads(nodes, edges, self._reads.neighbourhoods)

    def _look_for_others(self, connection: Connection[Any]) -> Cursor[Any] | None:
        gone = self._changes.deleted_nodes
        if not gone:
            return None
        return checks.OTHER_EDGES_AT.run(connection, ids=gone, known=[id for id, _, _ in self._cut])

    def _end_task(self, connection: Connection[Any]) -> Cursor[Any] | None:
        ended = self._changes.ended_task
        if ended is None:
            return None
        told = {f"new_{name}": value for name, value in ended._asdict().items()}
        return checks.ENDED_TASK.run(connection, id=ended.id, by=ended.server, **told)

    def _write(self, connection: Connection[Any]) -> None:
        changes = self._changes
        if changes.deleted_edges:
            checks.DELETED_EDGES.run(connection, ids=changes.deleted_edges)
        for statement, records in (
            (checks.NEW_NODES, changes.new_nodes),
            (checks.WRITTEN_NODES, changes.changed_nodes),
            (checks.WRITTEN_EDGES, changes.changed_edges),
            (checks.NEW_EDGES, changes.new_edges),
        ):
            if records:
                _run_for_all(statement, connection, records)
        for task in changes.new_tasks:
            checks.NEW_TASK.run(connection, **task._asdict())
        if changes.deleted_nodes:
            checks.DELETED_NODES.run(connection, ids=changes.deleted_nodes)


class _Answers:
    """The answers to the question whether all of some reads is still so."""

    def __init__(self, connection: Connection[Any], reads: Reads, changes: Changes | None = None) -> None:
        self._nodes = _of_versions(checks.CHANGED_NODES, connection, reads.nodes)
        self._edges = _of_versions(checks.CHANGED_EDGES, connection, reads.edges)
        self._absent = None
        if changes is not None and (ends := _old_ends(changes) - reads.nodes.keys()):
            self._absent = checks.ABSENT_NODES.run(connection, id=list(ends))
        self._neighbourhoods = [
            (selection, _of_mark(connection, selection, mark))
            for selection, mark in reads.neighbourhoods.items()
        ]

    def judge(self) -> None:
        """Raise Lost for what is not."""
        answers = (self._nodes, self._edges, self._absent)
        records = {row[0] for answer in answers if answer is not None for row in answer.fetchall()}
        neighbourhoods = {selection.node for selection, answer in self._neighbourhoods if answer.fetchall()}
        if records or neighbourhoods:
            raise Lost(records, neighbourhoods)


def check(connection: Connection[Any], reads: Reads) -> None:
    """Raise Lost unless all of `reads` is so, at one moment. One round trip."""
    with connection.pipeline():
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        answers = _Answers(connection, reads)
        connection.execute("COMMIT")
    answers.judge()


def judge(connection: Connection[Any], reads: Reads) -> None:
    """Raise Lost unless all of `reads` is so at the moment of the transaction that is open."""
    with connection.pipeline():
        answers = _Answers(connection, reads)
    answers.judge()


def size_of(reads: Reads, changes: Changes | None = None) -> int:
    """How many records and neighbourhoods it is about."""
    size = len(reads.nodes) + len(reads.edges) + len(reads.neighbourhoods)
    if changes is not None:
        size += len(changes.new_nodes) + len(changes.changed_nodes) + len(changes.deleted_nodes)
        size += len(changes.new_edges) + len(changes.changed_edges) + len(changes.deleted_edges)
    return size


def _old_ends(changes: Changes) -> set[str]:
    ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
    return ends.difference(node.id for node in changes.new_nodes)


def _of_versions(
    statement: Statement, connection: Connection[Any], expected: dict[str, int]
) -> Cursor[Any] | None:
    if not expected:
        return None
    return statement.run(connection, id=list(expected), version=list(expected.values()))


def _of_mark(connection: Connection[Any], selection: Selection, mark: Any) -> Cursor[Any]:
    statement = checks.changed_neighbourhood(selection)
    return statement.run(connection, **parameters(selection), mark=list(mark))


def _run_for_all(statement: Statement, connection: Connection[Any], records: list[Any]) -> None:
    columns = zip(records[0]._fields, map(list, zip(*records, strict=True)), strict=True)
    statement.run(connection, **dict(columns))
