"""`walkwire graph`: a graph moves from a database to another one, of either engine, without a change."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from tests.databases import ENGINES, database
from walkwire.cli import app
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads, StreamBound, StreamEntry, UserRecord
from walkwire.stores import open_store
from walkwire.stores.sql import archive
from walkwire.stores.sql.schema import metadata

NUMBER = 1200  # nodes: several pages
ODD = '{"text":"ö \\u0000 \\ud83d\\ude00","n":12345678901234567890123,"x":1.0,"nested":{"a":[null]}}'


def graph(*arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["graph", *map(str, arguments)], input=given)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A database of each engine, with the same records."""
    folder = tmp_path_factory.mktemp("filled")
    with database("sqlite", folder) as sqlite, database("postgres", folder) as postgres:
        fill(sqlite)
        assert graph("export", folder / "first", "--database", sqlite).exit_code == 0
        assert graph("import", folder / "first", "--database", postgres).exit_code == 0
        yield {"sqlite": sqlite, "postgres": postgres}


def fill(url: str) -> None:
    store = open_store(url)
    user = UserRecord(new_id(), "Ada@example.com", "hash", new_id(), 3, state={"name": "Ada"})
    store.add_user(user)
    store.add_identity(user.id, "https://id.example", "ada")
    posts = [NodeRecord(new_id(), "Post", user.root_id, 1, ODD) for _ in range(NUMBER)]
    shared = posts[0]._replace(id=new_id(), access='{"all":"READ"}')
    edges = [
        EdgeRecord(new_id(), "Wrote", user.root_id, "", post.id, "Post", 1, '{"at":1.5}') for post in posts
    ]
    changes = Changes(new_nodes=[*posts, shared], new_edges=edges)
    store.open_streams({"channel:den": StreamBound(100, 3600.0)})
    changes.entries = [StreamEntry("channel:den", b"\x00\xff", StreamBound(100, 3600.0))]
    store.commit(Reads(), changes, lambda: None)
    store.close()


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    store = open_store(url)
    try:
        with store._moment() as connection:  # type: ignore[attr-defined]
            return {
                table.name: [
                    tuple(row)
                    for row in connection.execute(select(table).order_by(*table.primary_key.columns))
                ]
                for table in metadata.sorted_tables
            }
    finally:
        store.close()


@pytest.mark.parametrize("source", ENGINES)
@pytest.mark.parametrize("target", ENGINES)
def test_all_records_arrive_as_they_were(
    source: str, target: str, filled: dict[str, str], tmp_path: Path
) -> None:
    exported = graph("export", tmp_path / "graph.jsonl", "--database", filled[source])
    assert exported.exit_code == 0, exported.output
    with database(target, tmp_path) as url:
        imported = graph("import", tmp_path / "graph.jsonl", "--database", url)
        assert imported.exit_code == 0, imported.output
        assert rows(url) == rows(filled[source])
        store = open_store(url)
        try:  # what comes later gets numbers of its own
            late = NodeRecord(new_id(), "Post", PUBLIC_ROOT, 1, "{}")
            edge = EdgeRecord(new_id(), "", PUBLIC_ROOT, "", late.id, "Post", 1, "{}")
            store.commit(Reads(), Changes(new_nodes=[late], new_edges=[edge]), lambda: None)
            store.open_streams({"channel:attic": StreamBound(100, 3600.0)})
        finally:
            store.close()


def test_the_file_is_lines_of_json_with_a_header_and_an_end_and_its_owners_only(
    filled: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "graph.jsonl"
    assert graph("export", file, "--database", filled["sqlite"]).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first, *lines, last = [json.loads(line) for line in file.read_text().split("\n")[:-1]]
    assert first == {"walkwire": "graph", "version": 1, "schema": first["schema"], "records": len(lines)}
    assert last == {"end": len(lines)}
    nodes = [line["nodes"] for line in lines if "nodes" in line]
    assert sum(node["kind"] == "Post" for node in nodes) == NUMBER + 1
    assert nodes[5]["data"] == json.loads(ODD) or nodes[5]["kind"] == ""
    assert {"all": "READ"} in [node["access"] for node in nodes]
    piped = graph("export", "--database", filled["sqlite"])
    assert piped.stdout_bytes == file.read_bytes()


def test_memory_holds_one_page_of_records(filled: dict[str, str]) -> None:
    store = open_store(filled["sqlite"])
    try:
        with store._moment() as connection:  # type: ignore[attr-defined]
            asked = []
            records = archive.read(connection)
            execute = connection.execute

            def counted(statement):  # type: ignore[no-untyped-def]
                asked.append(statement)
                return execute(statement)

            connection.execute = counted  # type: ignore[method-assign]
            next(records)
            first = len(asked)
            assert sum(1 for _ in records) > 2 * NUMBER
            assert len(asked) - first >= 2 * (NUMBER // 500), "a page at a time"
    finally:
        store.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: "", "This is not a file of walkwire graph export: its first line is no header"),
        (
            lambda text: text.replace('"version":1,"schema"', '"version":9,"schema"', 1),
            "The file has version 9",
        ),
        (lambda text: text.replace('"schema":"', '"schema":"9', 1), "The file has records of schema 9"),
        (lambda text: text.rsplit("\n", 2)[0] + "\n", "The file ends after line"),
        (lambda text: text.replace('{"edges":', '{"eggs":', 1), "there is no table 'eggs'"),
        (lambda text: text.replace('"owner":', '"own":', 1), "a record of nodes has no 'owner'"),
        (lambda text: text.replace('{"edges":', "{", 1), "is no record: nothing was imported"),
        (lambda text: text.replace('"data":{', '"data":[{', 1), "is no record: nothing was imported"),
        (lambda text: text.replace('"access":null', '"access":7', 1), "'access' of a record of nodes"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_sentence_and_writes_nothing(
    change, sentence: str, filled: dict[str, str], tmp_path: Path
) -> None:
    text = graph("export", "--database", filled["sqlite"]).stdout
    (tmp_path / "bad").write_text(change(text))
    url = f"sqlite:///{tmp_path / 'new.db'}"
    done = graph("import", tmp_path / "bad", "--database", url)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [row[0] for row in rows(url)["nodes"]] == sorted(row[0] for row in rows(url)["nodes"])
    assert len(rows(url)["nodes"]) == 2


def test_a_database_with_records_is_left_alone(filled: dict[str, str]) -> None:
    text = graph("export", "--database", filled["sqlite"]).stdout
    done = graph("import", "--database", filled["postgres"], given=text)
    assert done.exit_code == 2
    assert done.stderr.startswith("The database has nodes already")
