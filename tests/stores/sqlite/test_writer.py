"""The writer of a SQLite file: who comes while it is busy is committed together, and nobody suffers for another."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from walkwire.errors import Busy, CommitInDoubt
from walkwire.store import Lost
from walkwire.stores.sqlite.file import DatabaseFile, Unavailable
from walkwire.stores.sqlite.writer import Writer


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(
        f"sqlite:///{tmp_path}/w.db",
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": 0.05},
    )
    with made.connect() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    yield made
    made.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    made = Writer(engine.connect(), DatabaseFile(str(engine.url.database)))
    yield made
    made.close()


def insert(number: int) -> Any:
    return lambda connection: connection.execute(text(f"INSERT INTO t VALUES ({number})"))


def numbers(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return [row[0] for row in connection.execute(text("SELECT n FROM t ORDER BY n"))]


def test_a_work_gives_its_result_and_then_is_called_after_the_commit(engine: Engine, writer: Writer) -> None:
    seen: list[list[int]] = []
    writer.write(insert(1), lambda: seen.append(numbers(engine)))

    assert writer.write(lambda connection: connection.execute(text("SELECT 7")).scalar()) == 7
    assert seen == [[1]]


def test_what_waited_is_committed_together_but_a_failing_one_fails_alone(
    engine: Engine, writer: Writer
) -> None:
    holding, gate = threading.Event(), threading.Event()
    told: list[int] = []
    errors: list[Exception] = []

    def hold(connection: Connection) -> None:
        holding.set()
        assert gate.wait(30)
        insert(0)(connection)

    def write(number: int) -> None:
        try:
            writer.write(insert(number), lambda: told.append(number))
        except Exception as error:
            errors.append(error)

    first = threading.Thread(target=writer.write, args=(hold,))
    first.start()
    assert holding.wait(30)
    others = [threading.Thread(target=write, args=(number,)) for number in (1, 2, 2, 3)]
    for thread in others:
        thread.start()
    while len(writer._jobs) < 4:
        threading.Event().wait(0.001)
    gate.set()
    for thread in (first, *others):
        thread.join()

    assert numbers(engine) == [0, 1, 2, 3]
    assert sorted(told) == [1, 2, 3]
    assert [type(error).__name__ for error in errors] == ["IntegrityError"]


def test_a_file_that_another_process_keeps_locked_is_busy_and_then_is_not(
    engine: Engine, writer: Writer, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "w.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        writer.write(insert(1))
    other.execute("ROLLBACK")
    other.close()

    writer.write(insert(1))

    assert numbers(engine) == [1]


def lose(connection: Connection) -> None:
    raise Lost(["x"])


def lose_late(connection: Connection) -> None:
    insert(90)(connection)
    raise Lost(["y"])


def see(seen: list[list[int]]) -> Any:
    return lambda connection: seen.append(
        [row[0] for row in connection.execute(text("SELECT n FROM t ORDER BY n"))]
    )


class Statements:
    """A connection of the driver that records BEGIN and COMMIT, and raises `error` in place of COMMIT."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self.executed: list[str] = []
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def execute(self, statement: str) -> Any:
        self.executed.append(statement)
        if statement == "COMMIT" and self.error is not None:
            raise self.error
        return self._driver.execute(statement)


def test_of_several_given_at_once_one_that_loses_fails_alone_and_nothing_is_executed_twice(
    engine: Engine, writer: Writer
) -> None:
    statements = writer._driver = Statements(writer._driver)
    told: list[int] = []
    seen: list[list[int]] = []

    errors = writer.write_all(
        [
            (insert(1), lambda: told.append(1)),
            (lose, lambda: told.append(2)),
            (see(seen), lambda: told.append(3)),
            (insert(4), lambda: told.append(4)),
        ]
    )

    assert [type(error) for error in errors] == [type(None), Lost, type(None), type(None)]
    assert numbers(engine) == [1, 4]
    assert told == [1, 3, 4]
    assert seen == [[1]], "one that comes later sees what was written before it"
    assert statements.executed == ["BEGIN IMMEDIATE", "COMMIT"]


def test_one_that_loses_after_it_has_written_leaves_nothing_behind(engine: Engine, writer: Writer) -> None:
    told: list[int] = []
    errors = writer.write_all(
        [
            (insert(1), lambda: told.append(1)),
            (lose, lambda: told.append(2)),
            (lose_late, lambda: told.append(3)),
            (insert(4), lambda: told.append(4)),
        ]
    )
    assert [type(error) for error in errors] == [type(None), Lost, Lost, type(None)]
    assert numbers(engine) == [1, 4]
    assert told == [1, 4]


@pytest.mark.parametrize(
    ("code", "raised"),
    [(sqlite3.SQLITE_FULL, Unavailable), (sqlite3.SQLITE_IOERR_FSYNC, CommitInDoubt)],
)
def test_if_the_commit_itself_fails_all_of_them_have_failed(
    code: int, raised: type[Exception], engine: Engine, writer: Writer
) -> None:
    statements = writer._driver = Statements(writer._driver)
    statements.error = sqlite3.OperationalError("no")
    statements.error.sqlite_errorcode = code
    told: list[int] = []

    errors = writer.write_all([(insert(1), lambda: told.append(1)), (insert(2), lambda: told.append(2))])

    assert [type(error) for error in errors] == [raised] * 2
    assert told == []
    statements.error = None
    assert numbers(engine) == []
    writer.write(insert(3))
    assert numbers(engine) == [3]
