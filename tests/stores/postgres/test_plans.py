"""Plans of PostgreSQL: what a statement reads, where one node has very many edges and another few."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import postgres
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads, Selection
from walkwire.stores import open_store
from walkwire.stores.postgres.statements import neighbourhood_of
from walkwire.stores.sql.selections import parameters

MANY, FEW = 20_000, 10


def star(edges: int) -> Changes:
    """A node with so many neighbours, the first of the new nodes."""
    middle = NodeRecord(new_id(), "Middle", PUBLIC_ROOT, 1, "{}")
    changes = Changes(new_nodes=[middle])
    for _ in range(edges):
        far = NodeRecord(new_id(), "Far", PUBLIC_ROOT, 1, "{}")
        changes.new_nodes.append(far)
        changes.new_edges.append(EdgeRecord(new_id(), "", middle.id, "Middle", far.id, "Far", 1, "{}"))
    return changes


def scanned(plan: dict[str, Any]) -> Iterator[float]:
    """Rows that each scan of a table or an index has looked at."""
    if "Scan" in plan["Node Type"]:
        yield (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from scanned(part)


@pytest.mark.parametrize("direction", ["out", "both"])
def test_few_neighbours_are_read_by_themselves_beside_a_node_that_has_many(
    direction: Any, tmp_path: Path
) -> None:
    with postgres() as url:
        store = open_store(url)
        try:
            store.commit(Reads(), star(MANY), lambda: None)
            few = star(FEW)
            store.commit(Reads(), few, lambda: None)
            with store._pool.raw() as connection:  # type: ignore[attr-defined]
                connection.execute("ANALYZE")
                node = few.new_nodes[0].id
                selection = Selection(node, direction)
                found = neighbourhood_of(selection).run(connection, **parameters(selection))
                assert len(found) == FEW
                ((name, count),) = connection.execute(
                    "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements "
                    "WHERE statement LIKE '%edges.source%' AND statement NOT LIKE '%pg_prepared%'"
                ).fetchall()
                given = ", ".join([f"'{node}'"] * count)
                ((plan,),) = connection.execute(
                    f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name}({given})", prepare=False
                ).fetchall()
        finally:
            store.close()
        assert sum(scanned(plan[0]["Plan"])) <= 6 * FEW
