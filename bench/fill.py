"""Fill: a database of walkwire with many nodes in it, of many roots, made through walkwire's own store."""

from __future__ import annotations

from pathlib import Path

from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads
from walkwire.stores import open_store

CROWD = "c" * 24  # a shelf to which half of all nodes are joined
PUBLIC_ROOT = "0" * 23 + "1"

_OF_ONE_ROOT = 100
_BATCH = 10_000


def fill(path: Path, nodes: int) -> None:
    """Make the file with so many items, a hundred to a root, every second one on the crowded shelf, too."""
    store = open_store(f"sqlite:///{path}")
    try:
        shelf = NodeRecord(CROWD, "Shelf", PUBLIC_ROOT, 1, '{"count":0}')
        store.commit(Reads(), Changes(new_nodes=[shelf]), _nothing)
        for first in range(0, nodes, _BATCH):
            store.commit(Reads(), _batch(first, min(first + _BATCH, nodes)), _nothing)
    finally:
        store.close()


def _batch(first: int, last: int) -> Changes:
    changes = Changes()
    for number in range(first, last):
        root = _id("a", number // _OF_ONE_ROOT)
        if not number % _OF_ONE_ROOT:
            changes.new_nodes.append(NodeRecord(root, "", root, 1, "{}"))
        item = NodeRecord(_id("b", number), "Item", root, 1, '{"text":"a message of some words"}')
        changes.new_nodes.append(item)
        changes.new_edges.append(_edge("d", number, root, "", item))
        if number % 2:
            changes.new_edges.append(_edge("e", number, CROWD, "Shelf", item))
    return changes


def _edge(letter: str, number: int, source: str, source_kind: str, target: NodeRecord) -> EdgeRecord:
    return EdgeRecord(_id(letter, number), "", source, source_kind, target.id, target.kind, 1, "{}")


def _id(letter: str, number: int) -> str:
    return letter + f"{number:023x}"


def _nothing() -> None:
    pass
