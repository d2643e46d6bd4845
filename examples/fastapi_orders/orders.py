"""Orders: the data of the application as it was before: a table of SQLite."""

import sqlite3
from pathlib import Path

STATES = ("ordered", "brewing", "ready")

_database = sqlite3.connect(Path("orders.db"), check_same_thread=False, isolation_level=None)
_database.row_factory = sqlite3.Row
_database.execute(
    "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, email TEXT, root TEXT, item TEXT, state TEXT)"
)


def add(email: str, root: str, item: str) -> dict:
    """Store an order. `root` is the user's root in the graph, by which the user is notified."""
    row = _database.execute(
        "INSERT INTO orders (email, root, item, state) VALUES (?, ?, ?, ?) RETURNING *",
        (email, root, item, STATES[0]),
    )
    return dict(row.fetchone())


def of(email: str | None) -> list[dict]:
    """The orders of a user, or of all."""
    rows = _database.execute("SELECT * FROM orders WHERE ? IS NULL OR email = ? ORDER BY id", (email, email))
    return [dict(row) for row in rows]


def move(id: int, state: str) -> dict | None:
    """Store another state of an order. None: there is no such order."""
    row = _database.execute("UPDATE orders SET state = ? WHERE id = ? RETURNING *", (state, id)).fetchone()
    return None if row is None else dict(row)
