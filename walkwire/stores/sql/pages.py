"""Pages: all records of nodes or edges, page by page, and their conditional changes, for `walkwire migrate`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, select, update

from walkwire.store import RecordTable, StoredRecord
from walkwire.stores.sql.schema import edges, nodes, tasks

_TABLES: dict[RecordTable, Table] = {"nodes": nodes, "edges": edges}


def page(connection: Connection, of: RecordTable, after: str, limit: int) -> list[StoredRecord]:
    """Return the first records behind an id."""
    table = _TABLES[of]
    chosen = select(table.c.id, table.c.kind, table.c.version, table.c.data)
    rows = connection.execute(chosen.where(table.c.id > after).order_by(table.c.id).limit(limit))
    return [StoredRecord(*row) for row in rows]


def rewrite(connection: Connection, of: RecordTable, records: Sequence[StoredRecord]) -> int:
    """Change those that still have their version, and return how many. Edges know the kinds of their ends, tasks their walker."""
    table, count = _TABLES[of], 0
    for id, kind, version, data in records:
        same = (table.c.id == id) & (table.c.version == version)
        if not connection.execute(
            update(table).where(same).values(kind=kind, data=data, version=version + 1)
        ).rowcount:
            continue
        count += 1
        if of == "nodes":
            connection.execute(update(edges).where(edges.c.source == id).values(source_kind=kind))
            connection.execute(update(edges).where(edges.c.target == id).values(target_kind=kind))
            if kind.startswith("w:"):
                connection.execute(update(tasks).where(tasks.c.id == id).values(walker=kind[2:]))
    return count
