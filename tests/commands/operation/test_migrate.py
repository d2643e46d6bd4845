"""`walkwire migrate`, and records that fit their class no longer: their neighbours stay readable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.databases import ENGINES
from tests.databases import database as new_database
from walkwire.cli import app
from walkwire.store import RecordTable, StoredRecord
from walkwire.stores import open_store
from walkwire.testing import serve

BEFORE = """
from typing import Any
from walkwire import Edge, Node, Root, Walker, on_entry

class Stopp(Node):
    nmae: str
    number: Any = 0

class Road(Edge):
    kms: int

class Line(Node):
    stops: list[Stopp]
    first: Stopp

class build(Walker):
    @on_entry
    def go(self, here: Root) -> None:
        stops = [Stopp(f"stop {number}", number) for number in (1, 2, "three", 4)]
        for stop in stops:
            here.connect(stop, Road(7))
        here.connect(Line(stops, stops[2]), Road(7))
"""
AFTER = """
from walkwire import Edge, Node, Root, Walker, jobj, on_entry

class Stop(Node):
    name: str
    number: int = 0

class Road(Edge):
    km: int

class Line(Node):
    stops: list[Stop]
    first: Stop
    name: str = ""

class look_at_line(Walker):
    @on_entry
    def go(self, here: Root) -> None:
        (line,) = here.out(Line)
        line.name = "changed"
        self.report([stop and stop.name for stop in line.stops])
        self.report(line.first)

class use(Walker):
    bad: str
    @on_entry
    def go(self, here: Root) -> None:
        for line in here.out(Line):
            list(line.stops)
        self.report(jobj(self.bad))

class look(Walker):
    @on_entry
    def go(self, here: Root) -> None:
        self.report([stop.name for stop in here.out(Stop)])
        self.report([stop.name for stop in here.out(Stop, limit=3)])
        self.report([road.km for road in here.edges(Road)])
"""
JAC = """
node Stop { has name: str; has number: int = 0; }
edge Road { has km: int; }
walker look {
    can go with `root entry {
        report [stop.name for stop in [-->](`?Stop)];
        report [[-->](`?Stop)[0].name];
        report [road.km for road in [edge -->]];
    }
}
"""
RENAMES = (
    "--rename-class",
    "Stopp=Stop",
    "--rename-field",
    "Stop.nmae=name",
    "--rename-field",
    "Road.kms=km",
)


@pytest.fixture(params=ENGINES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database with records of the classes of before."""
    (tmp_path / "main.py").write_text(BEFORE)
    with new_database(request.param, tmp_path) as url:
        async with serve(tmp_path / "main.py", database=url) as served:
            ada = await served.user("ada@example.com")
            assert (await ada.post("build")).status == 200
        (tmp_path / "main.py").write_text(AFTER)
        yield url


def _migrate(tmp_path: Path, url: str, *options: str) -> tuple[int, str, str]:
    arguments = ["migrate", str(tmp_path / "main.py"), "--database", url, "--batch", "2", *options]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


async def test_records_get_new_names_and_those_that_do_not_fit_are_named(
    tmp_path: Path, database: str
) -> None:
    code, told, errors = _migrate(tmp_path, database)
    assert code == 1
    assert "field 'km': missing in the record" in errors

    code, told, _ = _migrate(tmp_path, database, *RENAMES, "--dry-run")
    assert (code, told) == (1, "records: 13, would be changed: 9, do not fit: 1\n")
    code, told, errors = _migrate(tmp_path, database, *RENAMES)
    assert (code, told) == (1, "records: 13, changed: 9, do not fit: 1\n")
    assert "field 'number': Input should be a valid integer" in errors
    code, told, _ = _migrate(tmp_path, database, *RENAMES)  # again, as after a stop in its middle
    assert (code, told) == (1, "records: 13, changed: 0, do not fit: 1\n")


@pytest.mark.parametrize("program", ["main.py", "main.jac"])
async def test_a_record_that_does_not_fit_is_left_out_and_its_neighbours_are_read(
    program: str, tmp_path: Path, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    _migrate(tmp_path, database, *RENAMES)
    (tmp_path / "main.jac").write_text(JAC)
    store = open_store(database)
    road = store.record_page("edges", "", 1)[0]
    store.rewrite_records("edges", [road._replace(data='{"km": "far"}')])
    store.close()
    async with serve(tmp_path / program, database=database) as served:
        ada = await served.user("ada@example.com")
        reply = await ada.post("look")
        assert reply.status == 200
        stops, first, roads = reply.reports
        assert stops == ["stop 1", "stop 2", "stop 4"]
        assert first == (stops if program == "main.py" else stops[:1])
        assert roads == [7, 7, 7]
        await ada.post("look")
    said = [record.getMessage() for record in caplog.records if "It is left out" in record.getMessage()]
    assert len({one.partition(",")[0] for one in said}) == len(said)  # each record once
    assert any("field 'number'" in one for one in said)


async def test_a_field_with_a_record_that_does_not_fit_has_the_others_and_keeps_the_reference(
    tmp_path: Path, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    _migrate(tmp_path, database, *RENAMES)
    store = open_store(database)
    (bad,) = (one for one in store.record_page("nodes", "", 100) if '"three"' in one.data)
    async with serve(tmp_path / "main.py", database=database) as served:
        ada = await served.user("ada@example.com")
        for _ in range(2):  # the walk writes the node of the field, which keeps the reference
            reply = await ada.post("look_at_line")
            assert (reply.status, reply.reports) == (200, [["stop 1", "stop 2", None, "stop 4"], None])
        assert "It is left out" in caplog.text
        assert (
            await ada.post("use", bad=f"n:Stop:{bad.id}")
        ).status == 500  # the record itself is not guessed
        store.rewrite_records("nodes", [bad._replace(data='{"name": "stop 3"}')])
        reply = await ada.post("look_at_line")
        assert reply.reports[0] == ["stop 1", "stop 2", "stop 3", "stop 4"]
    store.close()


@pytest.mark.parametrize("of", ["nodes", "edges"])
def test_a_record_that_has_changed_meanwhile_is_not_rewritten(
    of: RecordTable, tmp_path: Path, database: str
) -> None:
    store = open_store(database)
    try:
        found = store.record_page(of, "", 3)[-1]
        assert store.rewrite_records(of, [found]) == 1
        assert store.rewrite_records(of, [found]) == 0
        assert store.record_page(of, "", 3)[-1] == StoredRecord(
            found.id, found.kind, found.version + 1, found.data
        )
    finally:
        store.close()


@pytest.mark.parametrize("wrong", [("--rename-field", "nmae=name"), ("--rename-class", "Stopp")])
def test_a_wrong_option_is_told(wrong: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(AFTER)
    code, _, errors = _migrate(tmp_path, f"sqlite:///{tmp_path}/g.db", *wrong)
    assert code == 2
    assert "write" in errors
