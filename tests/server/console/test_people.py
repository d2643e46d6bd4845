"""Connections, channels and streams, as operators see them."""

from __future__ import annotations

from tests.server.console.conftest import Operator
from tests.server.console.town import board
from walkwire.testing import Served


async def test_connections_are_found_by_user_channel_and_id(served: Served, operator: Operator) -> None:
    ada = await served.user("ada@example.com")
    async with ada.socket("den") as first, served.public().socket() as second:
        await first.receive()
        frame = await second.receive()
        client_id = frame["data"]["client_id"]

        everything = await operator.ask("connections")
        assert (everything["total"], everything["of"]) == (2, 2)
        (mine,) = (await operator.ask("connections", find="den"))["rows"]
        assert (mine["user"], mine["channels"], mine["version"], mine["queue"]) == (
            "ada@example.com",
            ["den"],
            1,
            0,
        )
        assert mine["since"] > 1_600_000_000
        assert mine["expires"] is not None
        assert [row["id"] for row in (await operator.ask("connections", find=client_id))["rows"]] == [
            client_id
        ]
        assert (await operator.ask("connections", find="ada@"))["total"] == 1
        assert (await operator.ask("connections", find="nobody"))["rows"] == []
        assert len((await operator.ask("connections", limit=1))["rows"]) == 1


async def test_channels_have_members_presence_and_history(served: Served, operator: Operator) -> None:
    ada = await served.user("ada@example.com")
    async with ada.stream("board"), served.public().socket("den") as other:
        await other.receive()
        await served.public().post("build")
        await served.public().post(board.__name__)

        rows = (await operator.ask("channels"))["rows"]
        assert {(row["id"], row["members"]) for row in rows} == {
            ("board", 1)
        }  # den is a client's own channel
        assert [row["id"] for row in (await operator.ask("channels", find="den"))["rows"]] == ["den"]
        found = await operator.ask("channel", id="board")
        assert [row["user"] for row in found["members"]] == ["ada@example.com"]
        assert found["presence"]["count"] == 1
        told = [entry["data"]["stop"] for entry in found["history"]["entries"]]
        assert told == ["Station", "Market", "Harbour"]
        before = found["history"]["entries"][1]["at"]
        older = await operator.ask("history", id="board", before=before)
        assert [entry["data"]["stop"] for entry in older["entries"]] == ["Harbour"]
        assert "error" in await operator.ask("history", id="board", before="nonsense")

        streams = await operator.ask("streams")
        assert ("channels", "board", 1) in {
            (row["kind"], row["name"], row["listeners"]) for row in streams["rows"]
        }


async def test_durable_streams_of_the_database_are_listed() -> None:
    from tests.server.console import town
    from walkwire.testing import serve

    async with serve(town, history={"board": "durable"}) as served:
        await served.public().post("build")
        await served.public().post("board")

        found = await Operator(served).ask("streams", find="board")

        assert found["durable"] == [{"topic": "c.board", "at": 3}]
