"""Which schema a database has: made, migrated, refused, on real databases and with processes that start at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, func, inspect, make_url, select, text

from tests.databases import ENGINES, database
from tests.serving import PATIENCE, PROGRAMS, Server, run
from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import Changes, NodeRecord, Reads, Selection, SessionRecord, TokenState
from walkwire.stores import open_store
from walkwire.stores.postgres import functions
from walkwire.stores.postgres.locks import SCHEMA
from walkwire.stores.sql import revision
from walkwire.stores.sql.schema import metadata, of_postgres

PROGRAM = PROGRAMS / "ledger.py"


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """In a transaction, which is committed at the end."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def make_unnumbered(url: str) -> NodeRecord:
    """A database as it was before schemas had numbers, when some tables and indexes were still to come; gives what is in it."""
    with connected(url) as connection:
        command.upgrade(revision.migrations(connection), "0001")
        for statement in (
            f"DROP TABLE {revision.TABLE}",
            "DROP TABLE webhook_keys",
            "DROP INDEX edges_between",
            "CREATE TABLE meta (version INTEGER NOT NULL)",
            "INSERT INTO meta VALUES (1)",
            f"INSERT INTO nodes VALUES ('{PUBLIC_ROOT}', '', '{PUBLIC_ROOT}', 1, '{{}}', NULL)",
            f"INSERT INTO nodes VALUES ('{'a' * 24}', 'Thing', '{PUBLIC_ROOT}', 7, '{{\"n\":1}}', NULL)",
            "INSERT INTO edges (id, kind, source, source_kind, target, target_kind, version, data) "
            f"VALUES ('{'e' * 24}', '', '{PUBLIC_ROOT}', '', '{'a' * 24}', 'Thing', 1, '{{}}')",
        ):
            connection.exec_driver_sql(statement)
    return NodeRecord("a" * 24, "Thing", PUBLIC_ROOT, 7, '{"n":1}')


def tables_of(connection: Connection) -> dict[str, Any]:
    """All that the database itself tells of each table."""
    found = inspect(connection)
    return {
        name: (
            [{**column, "type": str(column["type"])} for column in found.get_columns(name)],
            sorted(map(_bare, found.get_indexes(name)), key=str),
            found.get_pk_constraint(name),
            sorted(found.get_foreign_keys(name), key=str),
            sorted(found.get_unique_constraints(name), key=str),
        )
        for name in found.get_table_names()
    }


def _bare(index: Any) -> dict[str, Any]:
    """Without its condition, which is no value that can be compared: see `indexes_of`."""
    return {key: value for key, value in index.items() if key != "dialect_options"}


def indexes_of(connection: Connection) -> set[str]:
    """Their definitions, conditions included."""
    ask = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
        if connection.dialect.name == "postgresql"
        else "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    )
    return {" ".join(definition.split()) for definition in connection.execute(text(ask)).scalars()}


def number_of(url: str) -> str:
    with connected(url) as connection:
        return str(connection.exec_driver_sql(f"SELECT version_num FROM {revision.TABLE}").scalar_one())


def test_all_migrations_come_to_the_tables_that_an_empty_database_gets(
    url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        engine = request.node.callspec.params["url"]
        (tmp_path / "made").mkdir()
        other = stack.enter_context(database(engine, tmp_path / "made"))
        open_store(other).close()
        with connected(url) as connection:
            command.upgrade(revision.migrations(connection, functions), "head")
            migrated = tables_of(connection), indexes_of(connection)
            context = MigrationContext.configure(
                connection,
                opts={"version_table": revision.TABLE, "compare_type": True, "compare_server_default": True},
            )
            tables = [metadata, of_postgres] if engine == "postgres" else metadata
            assert compare_metadata(context, tables) == []
        with connected(other) as connection:
            assert (tables_of(connection), indexes_of(connection)) == migrated
        assert number_of(url) == number_of(other)


def test_the_newest_revision_is_that_of_the_last_migration() -> None:
    with connected("sqlite://") as connection:
        assert ScriptDirectory.from_config(revision.migrations(connection)).get_heads() == [revision.NEWEST]


def test_a_database_from_before_the_numbers_is_migrated_with_all_that_is_in_it(url: str) -> None:
    thing = make_unnumbered(url)

    store = open_store(url)
    assert store.load_nodes([thing.id]) == [thing]
    assert [far for _, far in store.load_neighbourhood(Selection(PUBLIC_ROOT, "out")).pairs] == [thing]
    assert store.webhook_keys_of(PUBLIC_ROOT) == []
    store.close()

    assert number_of(url) == revision.NEWEST
    with connected(url) as connection:
        found = inspect(connection)
        assert "edges_between" in {index["name"] for index in found.get_indexes("edges")}
        assert not found.has_table("meta")


def test_users_from_before_sessions_can_have_some(url: str) -> None:
    root = "c" * 24
    with connected(url) as connection:
        command.upgrade(revision.migrations(connection, functions), "0003")
        connection.exec_driver_sql(f"INSERT INTO nodes VALUES ('{root}', '', '{root}', 1, '{{}}', NULL)")
        connection.exec_driver_sql(
            f"INSERT INTO users VALUES ('{'d' * 24}', 'a@b.c', 'a@b.c', 'hash', '{root}', 2, true, false, '{{}}')"
        )
    store = open_store(url)
    session = SessionRecord("f" * 24, root, 2, "a" * 64, None, None, 1.5, 900, 3600)
    assert store.add_session(session, 10, 10) == []
    assert store.token_states([root]) == {root: TokenState(2)}
    found = store.session(session.id)
    assert found is not None
    assert (found[0], found[1].email) == (session, "a@b.c")
    store.close()


def test_a_migration_that_fails_on_the_way_leaves_all_as_it_was(url: str) -> None:
    make_unnumbered(url)
    with connected(url) as connection:
        connection.exec_driver_sql("DROP INDEX begun")
        connection.exec_driver_sql("ALTER TABLE tasks DROP COLUMN alive_until")
        before = tables_of(connection)

    with pytest.raises(
        StartError, match=r"^Cannot migrate the database .*alive_until.* Nothing was changed$"
    ):
        open_store(url)

    with connected(url) as connection:
        assert tables_of(connection) == before
        assert "webhook_keys" not in before


def test_a_newer_database_is_refused_with_one_sentence_and_nothing_else(url: str, tmp_path: Path) -> None:
    open_store(url).close()
    with connected(url) as connection:
        connection.exec_driver_sql(f"UPDATE {revision.TABLE} SET version_num = '0999'")

    code, out, errors = run("serve", PROGRAM, "--port", "0", "--database", url, folder=tmp_path)

    assert (code, out) == (2, "")
    (sentence,) = errors.splitlines()
    assert "was migrated to schema 0999 by a newer walkwire" in sentence
    assert "upgrade it, or restore a backup" in sentence


def test_a_database_that_is_up_to_date_or_empty_needs_no_alembic(url: str) -> None:
    code = (
        "import sys; from walkwire.stores import open_store\n"
        f"for _ in range(2): open_store({url!r}).close()\n"
        "assert not {'alembic', 'mako'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


@pytest.mark.parametrize("is_empty", [True, False], ids=["empty", "older"])
def test_processes_that_open_an_empty_or_older_database_at_once_all_do(url: str, is_empty: bool) -> None:
    if not is_empty:
        make_unnumbered(url)
    code = f"""
import os
import alembic.command  # once for all of them
from walkwire.stores import open_store
from walkwire.stores.postgres import store
from walkwire.stores.sqlite import store as sqlite

at_once, start = os.pipe()
processes = []
for _ in range(4):
    process = os.fork()
    if not process:
        os.close(start)
        os.read(at_once, 1)  # returns when the parent has closed the other end
        store = open_store({url!r})
        os._exit(len(store.load_nodes(['000000000000000000000001'])) - 1)
    processes.append(process)
os.close(start)
for process in processes:
    assert os.waitpid(process, 0)[1] == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert number_of(url) == revision.NEWEST


def test_two_servers_that_start_at_once_on_an_empty_database_both_serve(url: str, tmp_path: Path) -> None:
    def serve(_: int) -> Server:
        return Server(PROGRAM, tmp_path, database=url)

    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        for server in [stack.enter_context(server) for server in threads.map(serve, range(2))]:
            assert httpx.get(f"{server.url}/healthz/ready", timeout=PATIENCE).status_code == 200


def test_who_waits_too_long_for_another_that_migrates_says_so(tmp_path: Path) -> None:
    with database("postgres", tmp_path) as url:
        make_unnumbered(url)
        with connected(url) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(SCHEMA)))
            with pytest.raises(StartError, match="Another server migrates the database"):
                open_store(url, seconds=0.2)
        open_store(url).close()


def test_an_older_server_goes_on_while_a_newer_one_migrates(tmp_path: Path) -> None:
    with database("postgres", tmp_path) as url:
        older = open_store(url)
        with connected(url) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(SCHEMA)))
            connection.exec_driver_sql("CREATE TABLE more (id TEXT)")
            thing = NodeRecord("b" * 24, "Thing", PUBLIC_ROOT, 1, "{}")
            older.commit(Reads(), Changes(new_nodes=[thing]), lambda: None)
            connection.exec_driver_sql("ALTER TABLE nodes ADD COLUMN more TEXT")
        assert older.load_nodes([thing.id]) == [thing]
        older.close()
