"""The time during which the database is away: one line when it begins, one when it ends, and somebody looks meanwhile."""

from __future__ import annotations

import threading

import pytest

from walkwire.errors import Busy
from walkwire.stores.postgres.driver import absence
from walkwire.stores.postgres.driver.absence import Absence


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absence, "PROBE_SECONDS", 0.001)


def test_it_is_told_once_when_it_begins_and_once_when_a_probe_finds_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    may_answer, probed = threading.Event(), threading.Event()

    def probe() -> None:
        if not may_answer.is_set():
            probed.set()
            raise Busy

    away = Absence(probe)
    assert (away.trouble, away.seconds) == (None, 0)
    away.begin("is away", "at 10.0.0.1: refused")
    away.begin("is away", "again")
    assert away.trouble == "the database is away"
    assert probed.wait(30)
    assert away.seconds > 0
    thread = next(one for one in threading.enumerate() if one.name == "database")
    may_answer.set()
    thread.join(5)

    assert away.trouble is None
    assert [record.getMessage() for record in caplog.records] == [
        "The database is away: at 10.0.0.1: refused",
        "The database is back",
    ]


def test_a_caller_that_finds_its_end_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    def probe() -> None:
        raise Busy

    away = Absence(probe)
    away.begin("hangs")
    away.end()
    away.end()
    assert away.trouble is None
    assert [record.getMessage() for record in caplog.records] == [
        "The database hangs",
        "The database is back",
    ]


def test_once_it_is_closed_nothing_begins() -> None:
    away = Absence(lambda: None)
    away.close()
    away.begin("is away")
    assert away.trouble is None
