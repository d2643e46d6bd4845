"""Plans of PostgreSQL: what a statement reads, where one node has very many edges and another few."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.databases import postgres
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads, Selection, StreamBound, StreamEntry
from walkwire.stores import open_store
from walkwire.stores.postgres.statements import neighbourhood_of
from walkwire.stores.sql import streams
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


def test_a_key_is_looked_up_by_itself_among_many_records() -> None:
    """Also by a plan that was made when there were none."""
    with postgres() as url:
        store = open_store(url)
        try:
            assert store.take_key(PUBLIC_ROOT, "k", 1000.0) is None
            with store._key_locks._pool.raw() as connection:  # type: ignore[attr-defined]
                connection.execute(
                    "INSERT INTO keyed_calls SELECT %s, n::text, 'c', 'd', 200, '', false, 0, 2000 "
                    "FROM generate_series(1, %s) AS given(n)",
                    [PUBLIC_ROOT, MANY],
                )
                connection.execute("ANALYZE")
                ((name,),) = connection.execute(
                    "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%pg_try_advisory%' "
                    "AND statement NOT LIKE '%pg_prepared%'"
                ).fetchall()
                given = f"'{{{PUBLIC_ROOT}}}', '{{7}}', '{{7}}', '1000'"
                ((plan,),) = connection.execute(
                    f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name}({given})", prepare=False
                ).fetchall()
        finally:
            store.close()
        assert 2 <= sum(scanned(plan[0]["Plan"])) <= FEW


@pytest.mark.parametrize(
    ("page", "given"),
    [
        (streams._AFTER, {"at": MANY // 2, "limit": FEW}),
        (streams._UPTO, {"at": MANY // 2, "limit": FEW}),
        (streams._LAST, {"limit": FEW}),
    ],
)
def test_a_page_of_a_stream_is_read_by_itself_among_many_entries(page: Any, given: dict[str, int]) -> None:
    with postgres() as url:
        store = open_store(url)
        try:
            for topic in ("c.den", "c.hall"):
                entries = [StreamEntry(topic, b"x", StreamBound(MANY, 3600.0)) for _ in range(MANY)]
                store.commit(Reads(), Changes(entries=entries), lambda: None)
            with store._pool.plain() as connection:  # type: ignore[attr-defined]
                explain = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {page.text}")
                (plan,) = connection.execute(explain, {"topic": "c.den", "size": 10**6, **given}).scalar_one()
        finally:
            store.close()
        assert sum(scanned(plan["Plan"])) <= 6 * FEW
