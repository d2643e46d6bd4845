"""What operators do: send, broadcast, disconnect, drain."""

from __future__ import annotations

import logging

import pytest

from tests.server.console.conftest import Operator
from walkwire.server.console.deeds import Deeds
from walkwire.testing import Served


async def test_they_send_to_users_channels_and_clients(served: Served, operator: Operator) -> None:
    ada = await served.user("ada@example.com")
    async with ada.socket("den") as socket:
        client_id = (await socket.receive())["data"]["client_id"]

        for kind, target in (("users", ada.root_id), ("channels", "den"), ("clients", client_id)):
            assert await operator.act("send", kind=kind, targets=[target], data={"to": kind}) == {"sent": 1}
            assert await socket.receive() == {"to": kind}
        assert await operator.act("broadcast", data=["all"]) == {"sent": 1}
        assert await socket.receive() == ["all"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "everybody", "targets": ["a"], "data": 1}, 400),
        ({"kind": "users", "targets": ["nonsense"], "data": 1}, 400),
        ({"kind": "users", "targets": [], "data": 1}, 400),
        ({"kind": "users", "targets": ["a"] * 1001, "data": 1}, 400),
        ({"kind": "users", "targets": ["a"]}, 400),
        ({"kind": 1}, 400),
    ],
)
async def test_what_cannot_be_sent_is_refused(
    operator: Operator, body: dict[str, object], status: int
) -> None:
    await operator.act("send", status, **body)


async def test_they_disconnect_for_a_while_or_for_good(
    served: Served, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    for again, code in ((True, 4200), (False, 4003)):
        async with served.public().socket() as socket:
            client_id = (await socket.receive())["data"]["client_id"]
            with caplog.at_level(logging.WARNING):
                assert await operator.act("disconnect", clients=[client_id, "x"], again=again) == {
                    "closed": 1
                }
            assert socket.closed is not None
            assert socket.closed.code == code
            assert served.app.door.hub.clients == {}
    assert "disconnected 1 clients" in caplog.text


async def test_a_drain_closes_all_and_ends_when_they_say(served: Served, operator: Operator) -> None:
    wire, health = served.app.door, served.app.health
    deeds = Deeds(_Wire(wire), health)
    async with served.public().socket() as socket:
        await socket.receive()

        assert deeds.drain("them", seconds=0.01) == deeds.drain("them") == {"draining": True}
        assert (deeds.is_draining, wire.connections.is_leaving) == (True, True)
        assert "drained" in (health.trouble or "")
        await deeds.drained()
        assert socket.closed is not None
        assert socket.closed.code == 4200

    assert deeds.resume("them") == deeds.resume("them") == {"draining": False}
    assert (health.trouble, wire.connections.is_leaving) == (None, False)
    assert await operator.act("drain", on=True) == {"draining": True}
    assert (await operator.ask("server"))["draining"] is True
    assert await operator.act("drain", on=False) == {"draining": False}


class _Wire:
    def __init__(self, door: object) -> None:
        self.hub = door.hub  # type: ignore[attr-defined]
        self.turn = door.turn  # type: ignore[attr-defined]
        self.connections = door.connections  # type: ignore[attr-defined]
