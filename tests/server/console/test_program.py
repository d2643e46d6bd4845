"""What the console knows of a program: walkers, their fields and their timetables."""

from __future__ import annotations

from tests.server.console.conftest import Operator


async def test_walkers_are_described_with_their_fields(operator: Operator) -> None:
    walkers = {row["name"]: row for row in (await operator.ask("walkers"))["rows"]}

    build = walkers["build"]
    assert list(walkers) == ["board", "build", "every_night", "log_in", "recount"]
    assert build["about"] == "Build a line with stops."
    assert (build["methods"], build["auth"]) == (["post", "websocket"], False)
    assert build["paths"][0] == {"url": "/walker/build", "at_node": False}
    assert build["schema"]["properties"]["stops"]["type"] == "array"
    assert build["file"].startswith("town.py:")
    assert walkers["recount"]["background"] is True
    assert walkers["every_night"]["private"] is True
    assert walkers["log_in"]["schema"]["required"] == ["name"]


async def test_timetables_say_when_they_are_due(operator: Operator) -> None:
    (schedule,) = (await operator.ask("tasks"))["schedules"]

    assert schedule["walker"] == "every_night"
    assert "hour='3'" in schedule["trigger"]
    assert schedule["next"] > 1_600_000_000
