"""Postgres: a database of its own for a measurement, with walkwire's tables and one shelf of ten items."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from bench.fill import PUBLIC_ROOT
from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads
from walkwire.stores import open_store

# A server on which databases may be made. Without this variable: this machine's, as the user who runs the bench.
_SERVER = os.environ.get("WALKWIRE_BENCH_POSTGRES")
_USUAL = ("postgresql:///postgres", "postgresql://127.0.0.1/postgres")

SHELF = "a" * 24
ITEMS = tuple(f"item {number}" for number in range(10))


@cache
def server() -> str | None:
    """Return the URL of a PostgreSQL server that answers, or None."""
    try:
        import psycopg
    except ImportError:
        return None
    for url in (_SERVER,) if _SERVER else _USUAL:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            continue
        return url
    return None


@contextmanager
def database() -> Iterator[str]:
    """Make a database with a shelf (`SHELF`) of ten items, give its URL, and drop it at the end of the block."""
    found = server()
    assert found is not None  # the scenarios ask first
    name = f"walkwire_bench_{secrets.token_hex(6)}"
    _execute(found, f"CREATE DATABASE {name}")
    url = f"{found.rpartition('/')[0]}/{name}"
    try:
        _fill(url)
        yield url
    finally:
        _execute(found, f"DROP DATABASE {name} WITH (FORCE)")


def _fill(url: str) -> None:
    store = open_store(url)
    changes = Changes(new_nodes=[NodeRecord(SHELF, "Shelf", PUBLIC_ROOT, 1, '{"count":0}')])
    for number, text in enumerate(ITEMS):
        item = NodeRecord(f"b{number:023x}", "Item", PUBLIC_ROOT, 1, f'{{"text":"{text}"}}')
        edge = EdgeRecord(f"d{number:023x}", "", SHELF, "Shelf", item.id, "Item", 1, "{}")
        changes.new_nodes.append(item)
        changes.new_edges.append(edge)
    try:
        store.commit(Reads(), changes, lambda: None)
    finally:
        store.close()


def _execute(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
