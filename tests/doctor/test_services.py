"""What the database and the broker say, without a change to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.service import KINDS, free_port, service, url_of
from tests.databases import ENGINES, database
from walkwire.config import Config
from walkwire.doctor import services
from walkwire.doctor.finding import Finding
from walkwire.stores import open_store


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


def found(what: str, **given: Any) -> Finding:
    config = Config(**({"production": True} | given))
    (finding,) = [each for each in services.database(config) if each.what == what]
    return finding


def test_an_empty_database_stays_empty(url: str, tmp_path: Path) -> None:
    for _ in range(2):
        finding = found("schema", database=url)
        assert (finding.level, "empty" in finding.sentence) == ("ok", True)
    assert not list(tmp_path.glob("*.db*"))


def test_the_schema_is_compared_with_the_newest(url: str) -> None:
    store = open_store(url)
    store.close()
    assert found("schema", database=url).level == "ok"
    for number, level in (("0001", "warn"), ("9999", "wrong")):
        _renumber(url, number)
        assert found("schema", database=url).level == level
    assert found("database", database=url).level == "ok"


def test_a_database_that_cannot_be_used_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is no database, but a text." * 100)
    wrong = (
        f"postgresql://ada:hush@127.0.0.1:{free_port()}/x?connect_timeout=2",
        f"sqlite:///{tmp_path}/absent/w.db",
        f"sqlite:///{tmp_path}/text.db",
        "postgresql://[",
        "sqlite:///",
    )
    for url in wrong:
        finding = found("database", database=url)
        assert finding.level == "wrong"
        assert "hush" not in finding.sentence
        assert "\n" not in finding.sentence


def test_commits_that_may_be_lost_are_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/w.db"
    assert found("durability", database=url).level == "ok"
    assert found("durability", database=f"{url}?synchronous=NORMAL").level == "warn"
    with database("postgres", tmp_path) as url:
        assert found("durability", database=url).level == "ok"
        loose = f"{url}?options=-csynchronous_commit%3Doff"
        assert found("durability", database=loose).level == "wrong"
        assert found("clock", database=url).level == "ok"


def test_workers_need_a_database_server_with_enough_connections_and_a_broker(tmp_path: Path) -> None:
    few = Config(workers=2, database=f"sqlite:///{tmp_path}/w.db")
    assert next(services.database(few)).level == "wrong"
    assert [each.level for each in services.broker(few)] == ["wrong"]
    with database("postgres", tmp_path) as url:
        assert found("connections", database=url, workers=200, database_pool=1000).level == "wrong"
        assert [each.level for each in services.broker(Config(database=url))] == ["warn"]
    assert [each.level for each in services.broker(Config())] == ["ok"]


@pytest.mark.parametrize(
    ("gap", "level"),
    [
        (0.0, "ok"),
        (1.9, "ok"),
        (-1.9, "ok"),
        (5.0, "warn"),
        (-5.0, "warn"),
        (40.0, "wrong"),
        (-40.0, "wrong"),
    ],
)
def test_clocks_are_compared_but_for_the_time_that_the_question_took(gap: float, level: str) -> None:
    began, ended = 1000.0, 1007.0
    now = ended + gap if gap > 0 else began + gap
    assert services.clock(now, began, lambda: ended).level == level


@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_tells_its_version_and_one_that_is_away_is_one_sentence(kind: Any) -> None:
    (finding,) = services.broker(Config(broker=url_of(kind)))
    assert finding.level == "ok", finding
    assert finding.sentence.lower().startswith(kind)
    assert finding.sentence.split()[1][0].isdigit()
    away = f"{kind}://ada:hush@127.0.0.1:{free_port()}"
    (finding,) = services.broker(Config(broker=away))
    assert finding.level == "wrong"
    assert "cannot be reached" in finding.sentence
    assert "hush" not in finding.sentence


def test_what_the_broker_keeps_is_told(tmp_path: Path) -> None:
    assert [each.level for each in services.streams(Config())] == ["ok"]
    assert [each.level for each in services.streams(Config(broker=url_of("redis")))] == ["ok"]
    with service("nats", tmp_path) as plain:
        (finding,) = services.streams(Config(broker=plain.url))
        assert finding.level == "warn"
        assert "JetStream is not enabled" in finding.sentence
    with service("nats", tmp_path, "-js", "-sd", str(tmp_path / "store")) as able:
        (finding,) = services.streams(Config(broker=able.url))
        assert (finding.level, "300 notifications" in finding.sentence) == ("ok", True)


def _renumber(url: str, number: str) -> None:
    statement = f"UPDATE walkwire_version SET version_num = '{number}'"
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute(statement)
            connection.commit()
        return
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(statement)
