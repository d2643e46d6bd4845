"""Scheduler: walkers that run at the times of their specs, as the system's root."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from walkwire import Root, Walker, on_entry, specs
from walkwire.errors import StartError
from walkwire.testing import serve
from walkwire.walk.run.clock import Clock
from walkwire.walk.walker.timetable import Timetable, id_of, timetable

PROGRAM = Path(__file__).parent.parent / "jac_cloud" / "programs" / "hooks.jac"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_a_walker_walks_at_its_times_and_is_kept_where_its_specs_say_so() -> None:
    async with serve(PROGRAM) as app, app.public().socket("watch") as socket:
        await socket.receive()
        seen = {"kept": [], "orders": 0}
        while not seen["kept"] or seen["orders"] < 1:
            seen = await socket.receive()
            assert seen["fleeting"] == 1  # the one that tells this
        assert seen["kept"][0] == [1, "2", 30, [[1, "2", 30]]]


def read(**given: Any) -> Timetable:
    found = timetable(given)
    assert found is not None
    return found


def test_times_that_passed_are_not_made_up_for() -> None:
    table = read(trigger="cron", minute="*/10")
    assert table.next(None, NOON + timedelta(seconds=1)) == NOON + timedelta(minutes=10)
    late = NOON + timedelta(minutes=35)
    assert table.next(NOON, late) == NOON + timedelta(minutes=40)


def test_intervals_lie_on_one_grid_whenever_a_server_begins() -> None:
    table = read(trigger="interval", minutes=5)
    for seconds in (1, 100, 299):
        assert table.next(None, NOON + timedelta(seconds=seconds)) == NOON + timedelta(minutes=5)


def test_a_date_comes_once() -> None:
    table = read(trigger="date", run_date="2026-01-01T12:00:00+00:00")
    assert table.next(None, NOON - timedelta(hours=1)) == NOON
    assert table.next(NOON, NOON) is None
    assert table.next(None, NOON + timedelta(hours=1)) is None


def test_the_first_time_may_be_put_off() -> None:
    table = read(trigger="cron", minute=0, next_run_time=NOON + timedelta(hours=2, minutes=1))
    assert table.next(None, NOON) == NOON + timedelta(hours=3)


def test_a_walker_s_id_at_a_time_is_the_same_on_every_server() -> None:
    assert id_of(every_day, NOON) == id_of(every_day, NOON.astimezone())
    assert id_of(every_day, NOON) != id_of(every_day, NOON + timedelta(days=1))
    assert len(id_of(every_day, NOON)) == 24


async def test_a_time_that_could_not_be_kept_does_not_end_the_timetable() -> None:
    times: list[datetime] = []
    is_called = asyncio.Event()

    async def order(walker: type, table: Timetable, at: datetime) -> None:
        times.append(at)
        is_called.set()
        raise RuntimeError("the database is away")

    now = NOON - timedelta(microseconds=1)
    clock = Clock(order, lambda: now)
    table = read(trigger="date", run_date=NOON)
    clock.start({every_day: table})
    await is_called.wait()
    await clock.stop()
    assert times == [NOON]


@specs(schedule={"trigger": "cron", "hour": 0, "args": [1]}, private=True)
class every_day(Walker):
    @on_entry
    def go(self, here: Root) -> None:
        pass


async def test_values_that_are_no_fields_of_the_walker_are_refused_at_the_start() -> None:
    with pytest.raises(
        StartError, match="Walker every_day, specs: 'schedule' gives values that are no fields"
    ):
        async with serve(sys.modules[__name__]):
            pass


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trigger": "moon"}, "has a `trigger`: cron, interval, date"),
        ({"trigger": "cron", "seconds": 1}, "has times that CronTrigger does not take"),
        ({"trigger": "cron", "second": "abc"}, "has times that CronTrigger does not take"),
        ("daily", "is a dictionary with `trigger` and its times"),
    ],
)
def test_a_timetable_that_cannot_be_read_is_refused_with_the_reason(given: Any, message: str) -> None:
    with pytest.raises(StartError, match=f"Walker later, specs: 'schedule' {message}"):
        specs(schedule=given)(type("later", (Walker,), {}))
