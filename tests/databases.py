"""Databases for tests: each new, and gone afterwards. PostgreSQL's are skipped where no server answers, but not in CI."""

from __future__ import annotations

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
    own = server()
    if own is None:
        told = "no PostgreSQL answers on this machine: `make services` starts one"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)
    name = f"walkwire_test_{secrets.token_hex(6)}"
    _execute(own, f"CREATE DATABASE {name}")
    try:
        yield f"{own.rpartition('/')[0]}/{name}"
    finally:
        drop(name)


def drop(name: str) -> None:
    """Remove a database of this server, if it is there."""
    _execute(server() or "", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


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
