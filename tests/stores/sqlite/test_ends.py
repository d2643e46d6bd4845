"""The first or last of a node's many edges in SQLite are those that reading all of them would give."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Changes, Direction, EdgeRecord, NodeRecord, Reads, Selection
from walkwire.stores.sqlite.store import SqliteStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """One node with 300 edges of three classes to and from nodes of three classes, and one to itself."""
    chance = random.Random(7)
    folder: Path = tmp_path_factory.mktemp("ends")
    opened = SqliteStore(f"{folder}/ends.db")
    changes = Changes()
    for _ in range(300):
        kind = chance.choice(["A", "B", "C"])
        far = NodeRecord(new_id(), kind, PUBLIC_ROOT, 1, "{}")
        ends = [(PUBLIC_ROOT, ""), (far.id, kind)]
        chance.shuffle(ends)
        (source, source_kind), (target, target_kind) = ends
        changes.new_nodes.append(far)
        changes.new_edges.append(
            EdgeRecord(
                new_id(),
                chance.choice(["", "Road", "Rail"]),
                source,
                source_kind,
                target,
                target_kind,
                1,
                "{}",
            )
        )
    changes.new_edges.append(EdgeRecord(new_id(), "Road", PUBLIC_ROOT, "", PUBLIC_ROOT, "", 1, "{}"))
    opened.commit(Reads(), changes, lambda: None)
    yield opened
    opened.close()


@pytest.mark.parametrize("direction", ["out", "into", "both"])
@pytest.mark.parametrize(
    "edge_kinds", [None, frozenset({"Road"}), frozenset({"Road", ""}), frozenset({"None"})]
)
@pytest.mark.parametrize("node_kinds", [None, frozenset({"A"}), frozenset({"A", ""})])
def test_they_are_the_ends_of_all(
    store: SqliteStore,
    direction: Direction,
    edge_kinds: frozenset[str] | None,
    node_kinds: frozenset[str] | None,
) -> None:
    every = store.load_neighbourhood(Selection(PUBLIC_ROOT, direction, edge_kinds, node_kinds))
    for limit in (0, 1, 7, 1000, -1, -7, -1000):
        found = store.load_neighbourhood(
            Selection(PUBLIC_ROOT, direction, edge_kinds, node_kinds, limit=limit)
        )
        cut = slice(None, limit) if limit >= 0 else slice(limit, None)
        assert found.pairs == every.pairs[cut]
        assert found.mark == every.mark[cut]  # type: ignore[index]
