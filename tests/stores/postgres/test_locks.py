"""What a commit locks in PostgreSQL, and in which order. No database is needed to say it."""

from __future__ import annotations

from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads, Search, Selection
from walkwire.stores.postgres.locks import GATE, NOTHING, PLACES, CommitLocks, Cut, Gone

A, B = "a" * 24, "b" * 24


def held(reads: Reads | None = None, changes: Changes | None = None, gone: Gone = NOTHING) -> dict[int, bool]:
    """The locks of a commit but the one for all: number → whether it is exclusive."""
    locks = CommitLocks(reads or Reads(), changes or Changes(), gone, 1000)
    assert (locks.numbers[0], locks.alone[0]) == (GATE, False)
    return dict(zip(locks.numbers[1:], locks.alone[1:], strict=True))


def node(id: str, kind: str = "Thing") -> NodeRecord:
    return NodeRecord(id, kind, PUBLIC_ROOT, 1, "{}")


def edge(source: str, target: str) -> EdgeRecord:
    return EdgeRecord(new_id(), "", source, "Thing", target, "Thing", 1, "{}")


def test_a_record_is_shared_by_readers_and_exclusive_for_a_writer() -> None:
    read, write = held(Reads(nodes={A: 1})), held(changes=Changes(changed_nodes=[node(A)]))
    assert read.keys() == write.keys()
    assert (list(read.values()), list(write.values())) == ([False], [True])


def test_who_read_and_writes_a_record_locks_it_once_and_exclusively() -> None:
    assert list(held(Reads(nodes={A: 1}), Changes(changed_nodes=[node(A)])).values()) == [True]


def test_a_reader_of_a_neighbourhood_excludes_all_that_add_edges_to_it_and_few_other_readers() -> None:
    adding = held(changes=Changes(new_edges=[edge(A, A)]))
    neighbourhood = {number: alone for number, alone in adding.items() if not alone}
    ((number, is_alone),) = held(Reads(neighbourhoods={Selection(A, "out"): ()})).items()
    assert is_alone
    assert number in neighbourhood
    places = {next(iter(held(Reads(neighbourhoods={Selection(A, "out"): ()})))) for _ in range(1000)}
    assert len(places) == PLACES


def test_a_node_that_the_commit_makes_needs_no_lock_of_its_own() -> None:
    with_old = held(changes=Changes(new_nodes=[node(B)], new_edges=[edge(A, B)]))
    with_new = held(changes=Changes(new_nodes=[node(A), node(B)], new_edges=[edge(A, B)]))
    assert len(with_old) - len(with_new) == PLACES


def test_what_is_deleted_is_locked_with_both_ends_of_its_edges() -> None:
    gone = Gone([Cut("e" * 24, "Road", A, B)], {"Thing"})
    locks = held(changes=Changes(deleted_nodes=[A]), gone=gone)
    assert sum(locks.values()) == 1 + 1 + PLACES  # the node, its edge, its neighbourhood
    assert set(held(changes=Changes(new_edges=[edge(B, B)]))) - set(locks) <= set(
        held(changes=Changes(new_edges=[edge(A, A)]))
    )


def test_a_search_by_class_excludes_commits_that_make_records_of_it() -> None:
    ((number, is_alone),) = held(
        Reads(node_searches={Search(kinds=frozenset({"Thing"})): frozenset()})
    ).items()
    assert is_alone
    assert held(changes=Changes(new_nodes=[node(A)]))[number] is False
    assert number not in held(changes=Changes(new_nodes=[node(A, "Other")]))


def test_locks_are_taken_in_one_order() -> None:
    ids = [new_id() for _ in range(50)]
    one = CommitLocks(Reads(nodes=dict.fromkeys(ids, 1)), Changes(), NOTHING, 1000)
    other = CommitLocks(Reads(nodes=dict.fromkeys(reversed(ids), 1)), Changes(), NOTHING, 1000)
    assert one.numbers == other.numbers
    assert one.numbers[1:] == sorted(one.numbers[1:])


def test_what_has_no_lock_takes_the_one_lock_of_all_commits() -> None:
    for reads in (
        Reads(nodes={A: 0}),
        Reads(edges={A: 0}),
        Reads(tasks={A: None}),
        Reads(users={("id", A): None}),
        Reads(node_searches={Search(): frozenset()}),
        Reads(node_searches={Search(kinds=frozenset({""})): frozenset()}),
        Reads(node_searches={Search(kinds=frozenset({"w:Walker"})): frozenset()}),
    ):
        locks = CommitLocks(reads, Changes(), NOTHING, 1000)
        assert (locks.numbers, locks.alone) == ([GATE], [True])


def test_an_edge_that_was_sought_among_the_nodes_first_is_no_absence() -> None:
    assert list(held(Reads(nodes={A: 0}, edges={A: 3})).values()) == [False]


def test_one_that_needs_too_many_locks_takes_the_one_of_all_commits() -> None:
    reads = Reads(nodes={new_id(): 1 for _ in range(11)})
    assert CommitLocks(reads, Changes(), NOTHING, 11).alone == [False] * 12
    assert CommitLocks(reads, Changes(), NOTHING, 10).alone == [True]
