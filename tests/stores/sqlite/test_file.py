"""The file of a SQLite database: what is an error of the disk, and when it is over."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from walkwire.errors import CommitInDoubt
from walkwire.ids import new_id
from walkwire.store import Changes, NodeRecord, Reads
from walkwire.stores.sqlite import file as files
from walkwire.stores.sqlite.file import DatabaseFile, Unavailable
from walkwire.stores.sqlite.store import SqliteStore, open_sqlite


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PROBE_SECONDS", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(f"{tmp_path}/a.db")
    yield opened
    opened.close()


def node(size: int = 0) -> NodeRecord:
    return NodeRecord(new_id(), "Note", "0" * 24, 1, f'{{"text":"{"x" * size}"}}')


def write(store: SqliteStore, *nodes: NodeRecord) -> None:
    store.commit(Reads(), Changes(new_nodes=list(nodes)), lambda: None)


def pragma(store: SqliteStore, words: str) -> None:
    with store._writer._turn:
        store._writer._driver.execute(f"PRAGMA {words}")


def until_over(store: SqliteStore) -> None:
    for thread in threading.enumerate():
        if thread.name == "database":
            thread.join(20)
    assert store.trouble is None


def test_a_read_only_database_refuses_writes_and_still_reads(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    first = node()
    write(store, first)
    pragma(store, "query_only=ON")
    for _ in range(3):
        with pytest.raises(Unavailable):
            write(store, node())
    assert store.load_nodes([first.id]) == [first]
    assert "readonly" in str(store.trouble)
    pragma(store, "query_only=OFF")
    until_over(store)
    write(store, node())
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_a_full_database_refuses_what_has_no_space_and_its_neighbours_in_a_batch(store: SqliteStore) -> None:
    pragma(store, "max_page_count=1")  # SQLite takes the size that it has
    big = node(1_000_000)
    with pytest.raises(Unavailable):
        write(store, big)
    assert store.load_nodes([big.id]) == []
    pragma(store, "max_page_count=100000")
    write(store, big)
    assert store.load_nodes([big.id]) == [big]


def test_an_error_of_a_statement_is_none_of_the_disk(tmp_path: Path) -> None:
    file = files.create(f"{tmp_path}/a.db")
    with pytest.raises(sqlite3.OperationalError) as raised, file.connect() as connection:
        connection.execute("SELECT nothing FROM nowhere")
    connection.close()
    file.refuse(raised.value)
    assert file.trouble is None


def test_a_commit_that_could_not_be_flushed_is_in_doubt(tmp_path: Path) -> None:
    file = files.create(f"{tmp_path}/a.db")
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    with pytest.raises(CommitInDoubt):
        file.refuse(error, is_commit=True)
    with pytest.raises(Unavailable):
        file.refuse(error)
    file.close()


def test_a_file_that_is_gone_is_not_created_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    file: DatabaseFile = files.create(str(path))
    path.unlink()
    with pytest.raises(Unavailable):
        file.connect()
    assert not path.exists()
    file.close()


def test_a_file_is_closed_after_the_probe_under_way(tmp_path: Path) -> None:
    """A probe that went on after the database was closed failed in its thread."""
    path, order = tmp_path / "a.db", list[str]()
    file = files.create(str(path))
    has_begun, may_end = threading.Event(), threading.Event()

    def probe() -> None:
        has_begun.set()
        may_end.wait(20)
        order.append("probed")

    def close() -> None:
        file.close()
        order.append("closed")

    file.probe_with(probe)
    path.unlink()
    with pytest.raises(Unavailable):
        file.require()
    assert has_begun.wait(20)
    closing = threading.Thread(target=close)
    closing.start()
    closing.join(0.2)  # a close that does not wait is over by then
    may_end.set()
    closing.join(20)
    assert order == ["probed", "closed"]


@pytest.mark.parametrize(
    ("query", "is_durable", "level"), [("", False, 1), ("", True, 2), ("?synchronous=NORMAL", True, 1)]
)
def test_each_commit_is_flushed_in_production_unless_the_url_says_otherwise(
    tmp_path: Path, query: str, is_durable: bool, level: int
) -> None:
    store = open_sqlite(f"sqlite:///{tmp_path}/a.db{query}", is_durable)
    assert isinstance(store, SqliteStore)
    found = store._run_write(lambda connection: connection.execute(text("PRAGMA synchronous")).scalar())
    store.close()
    assert found == level
