"""The record of a walk as the console shows it."""

from __future__ import annotations

import json
from typing import Any

from walkwire.server.console.walks import described
from walkwire.testing import Served
from walkwire.walk.unit.record import WalkRecord, Watcher


class Keeper(Watcher):
    def __init__(self) -> None:
        self.records: list[WalkRecord] = []

    def begun(self, record: WalkRecord) -> None: ...

    def ended(self, record: WalkRecord) -> None:
        self.records.append(record)


async def test_each_step_says_what_it_read_wrote_and_told(served: Served) -> None:
    await served.public().post("build")
    keeper = Keeper()
    served.app.runtime.watchers.append(keeper)
    await served.public().post("board", people=2)
    await served.public().post("board", people="many")

    (record,) = keeper.records
    walk: dict[str, Any] = json.loads(json.dumps(described(record)))
    count = walk["steps"][2]
    assert [step["ability"] for step in walk["steps"]] == ["start", "along"] + ["count", "say"] * 3
    assert count["code"].startswith("town.py:")
    assert [deed for deed, _ in count["writes"]] == ["changed"]
    assert count["place"].startswith("n:Stop:")
    assert walk["written"][0]["after"] == '{"name":"Harbour","waiting":2}'
    assert [one["step"] for one in walk["told"]] == [2, 4, 6]
    assert walk["error"] is None
