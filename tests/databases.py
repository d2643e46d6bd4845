"""Databases for tests: each empty, and gone afterwards. PostgreSQL's are skipped where no server answers, but not in CI.

To make a database copies three hundred files, and to remove one writes down all that its server has in memory, of every other
test as well. So a process of tests empties the database of a test that has ended for its next one, and removes all at its end.
"""

from __future__ import annotations

import atexit
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ENGINES = ("sqlite", "postgres")
# A server on which the tests may make databases. Without this variable: this machine's, as the user who runs the tests.
SERVER = os.environ.get("WALKWIRE_TEST_POSTGRES")
USUAL = ("postgresql:///postgres", "postgresql://127.0.0.1/postgres")

_EMPTY: list[str] = []  # databases that no test of this process has now


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """The URL of a database of its own, for the time of the block."""
    if engine == "sqlite":
        yield f"sqlite:///{folder}/test.db"
    else:
        with postgres() as url:
            yield url


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL database of its own, for the time of the block."""
    import psycopg

    own = server()
    if own is None:
        told = "no PostgreSQL answers on this machine: `make services` starts one"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)
    name = _EMPTY.pop() if _EMPTY else _create(own)
    url = f"{own.rpartition('/')[0]}/{name}"
    try:
        yield url
    finally:
        try:
            _empty(url)
        except psycopg.Error:  # it is in another state than tests leave databases in
            drop(name)
        else:
            _EMPTY.append(name)


def drop(name: str) -> None:
    """Remove a database of this server, if it is there."""
    _execute(server() or "", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _create(own: str) -> str:
    name = f"walkwire_test_{secrets.token_hex(6)}"
    _execute(own, f"CREATE DATABASE {name}")
    return name


def _empty(url: str) -> None:
    """Remove all that is in a database, and end who is connected to it."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


@atexit.register
def _drop_all() -> None:
    while _EMPTY:
        drop(_EMPTY.pop())


@cache
def server() -> str | None:
    """The URL of the server on which tests make databases; None if there is none."""
    import psycopg

    for url in (SERVER,) if SERVER else USUAL:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            continue
        return url
    return None


def _execute(url: str, statement: Any) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
