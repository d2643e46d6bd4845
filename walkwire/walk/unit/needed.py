"""Needed locks: which locks a commit has to wait for, and which of them it has to hold."""

from __future__ import annotations

from walkwire.store import Changes, are_of_kinds, kinds_searched, lock_keys
from walkwire.walk.graph.graph import WalkGraph

Keys = frozenset[str]

_NONE: Keys = frozenset()


def locks_of(graph: WalkGraph, changes: Changes) -> Keys:
    """Return the locks that a commit of `changes` has to wait for."""
    return lock_keys(*graph.working_set.touched(changes)) if changes else _NONE


def locks_of_reads(graph: WalkGraph) -> Keys:
    """Return the locks of everything that was read."""
    reads = graph.reads
    return lock_keys(
        [*reads.nodes, *reads.edges],
        (selection.node for selection in reads.neighbourhoods),
        kinds_searched(reads.node_searches, reads.edge_searches),
    )


def split(graph: WalkGraph, keys: Keys, held: Keys) -> tuple[Keys, Keys]:
    """Split the locks that a commit needs into those to hold, and locks of kinds to wait for without holding them.

    - keys: all locks that the commit needs
    - held: those of them that other walks hold

    A lock of a kind is to be held if the walk searched for that kind.
    """
    passed = are_of_kinds(held) - locks_of_reads(graph)
    hold = (keys - are_of_kinds(keys)) | (are_of_kinds(held) - passed)
    return (hold if held > passed else _NONE), passed
