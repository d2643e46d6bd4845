"""What a hub tells of its clients, in order, for the walkers of a program."""

from __future__ import annotations

from tests.wire.conftest import ANN, BOB, House
from tests.wire.presence.conftest import Town
from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.policy import Policies
from walkwire.wire.presence.attendance import Happening


def heard_by(house: House) -> list[tuple[str, str, str]]:
    told: list[tuple[str, str, str]] = []

    def tell(happening: Happening) -> None:
        told.append((happening.occasion, happening.root_id, happening.channel_id))

    house.hub.attend(tell)
    return told


async def test_a_client_of_version_1_comes_joins_leaves_and_goes(house: House) -> None:
    told = heard_by(house)
    socket = await house.open("ann", "den")
    await socket.send({"type": "join", "channel_ids": ["hall", "den"]})
    await socket.send({"type": "leave", "channel_ids": ["hall", "other"]})
    socket.leave()
    await socket.quiet()
    assert told == [
        ("connect", ANN, ""),
        ("join", ANN, "den"),
        ("join", ANN, "hall"),
        ("leave", ANN, "hall"),
        ("leave", ANN, "den"),
        ("disconnect", ANN, ""),
    ]


async def test_a_client_of_version_2_as_well(house: House) -> None:
    told = heard_by(house)
    ann = await house.connect("ann", "den")
    await ann.ask("join", channel_ids=["den"])
    ann.socket.leave()
    await ann.socket.quiet()
    assert [occasion for occasion, _, _ in told] == ["connect", "join", "leave", "disconnect"]


async def test_another_user_leaves_as_the_old_one_and_joins_as_the_new(town: Town) -> None:
    house = await town.start(Policies(join="authenticated"))
    told = heard_by(house)
    ann = await house.connect("ann", "den")
    told.clear()
    await ann.ask("change_user", token="bob")
    assert told == [
        ("leave", ANN, "den"),
        ("disconnect", ANN, ""),
        ("connect", BOB, ""),
        ("join", BOB, "den"),
    ]
    told.clear()
    await ann.ask("change_user", token="")
    assert told == [("leave", BOB, "den"), ("disconnect", BOB, ""), ("connect", PUBLIC_ROOT, "")]
    told.clear()
    await ann.ask("change_user", token="bob")
    assert told == [("disconnect", PUBLIC_ROOT, ""), ("connect", BOB, ""), ("join", BOB, "den")]
