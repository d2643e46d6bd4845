"""Presence on one server: who is told what, and when."""

from __future__ import annotations

import json

from tests.wire.conftest import ANN, BOB, House, settle
from tests.wire.presence.conftest import Seen, Town, watch
from walkwire.wire.policy import Policies
from walkwire.wire.presence.presence import KEEP, LINGER, TICK

ANN_, BOB_ = f"n::{ANN}", f"n::{BOB}"


async def test_the_reply_says_who_is_there_and_frames_who_comes_and_goes(town: Town, house: House) -> None:
    ann = await watch(house, "ann", info={"name": "Ann"})
    assert ann.users == {ANN_: {"name": "Ann"}}
    assert ann.count == 1
    bob = await house.connect("bob", "den", info={"name": "Bob"})
    await town.clock.advance(TICK)
    assert (await ann.look()).frames == [
        {
            "type": "presence",
            "channel_id": "den",
            "joined": [{"root_id": BOB_, "info": {"name": "Bob"}}],
            "left": [],
            "count": 2,
        }
    ]
    await bob.ask("leave", channel_ids=["den"])
    await town.clock.advance(TICK)
    left = [{"root_id": BOB_, "info": {"name": "Bob"}}]
    assert (await ann.look()).frames == [
        {"type": "presence", "channel_id": "den", "joined": [], "left": left, "count": 1}
    ]
    await town.clock.advance(60)
    assert (await ann.look()).frames == []


async def test_those_who_were_there_before_anybody_watched_are_listed(house: House) -> None:
    await house.connect("bob", "den")
    await house.open("ann", "den")
    listener = await house.connect("ann")
    reply = await listener.ask("join", channel_ids=["den"], presence="list")
    den = reply["data"]["channels"]["den"]
    assert {each["root_id"] for each in den["presence"]["users"]} == {ANN_, BOB_}
    assert den["presence"]["count"] == 2


async def test_a_client_of_version_1_is_present_and_hears_nothing_of_it(town: Town, house: House) -> None:
    ann = await watch(house, "ann")
    bob = await house.open("bob", "den")
    await town.clock.advance(TICK)
    assert (await ann.look()).users == {ANN_: {}, BOB_: {}}
    await bob.send({"type": "leave", "channel_ids": ["den"]})
    await town.clock.advance(TICK)
    assert (await ann.look()).users == {ANN_: {}}
    assert await bob.quiet() == []


async def test_two_windows_are_one_person(town: Town, house: House) -> None:
    ann = await watch(house, "ann")
    one, two = await house.connect("bob", "den"), await house.connect("bob", "den")
    await town.clock.advance(TICK)
    assert (await ann.look()).count == 2
    await one.ask("leave", channel_ids=["den"])
    await town.clock.advance(60)
    assert (await ann.look()).frames == []
    await two.ask("leave", channel_ids=["den"])
    await town.clock.advance(TICK)
    assert (await ann.look()).count == 1


async def test_who_was_dropped_has_left_ten_seconds_later(town: Town, house: House) -> None:
    ann = await watch(house, "ann")
    bob = await house.connect("bob", "den")
    await town.clock.advance(TICK)
    await ann.look()
    bob.socket.leave()
    await settle()
    await town.clock.advance(LINGER - TICK)
    assert (await ann.look()).frames == []
    await town.clock.advance(2 * TICK)
    assert (await ann.look()).users == {ANN_: {}}


async def test_who_comes_back_in_time_has_not_left(town: Town, house: House) -> None:
    ann = await watch(house, "ann")
    bob = await house.connect("bob", "den")
    await town.clock.advance(TICK)
    await ann.look()
    for _ in range(3):
        bob.socket.leave()
        await settle()
        await town.clock.advance(LINGER - TICK)
        bob = await house.connect("bob", "den", session=bob.who["session"])
    await town.clock.advance(LINGER - TICK)
    assert (await ann.look()).frames == []


async def test_a_frame_is_sent_five_times_a_second_at_most_and_what_cancels_out_is_not(
    town: Town, house: House
) -> None:
    ann = await watch(house, "ann")
    bob = await house.connect("bob")
    for _ in range(10):
        await bob.ask("join", channel_ids=["den"])
        await bob.ask("leave", channel_ids=["den"])
    assert await ann.listener.heard() == []
    await town.clock.advance(TICK)
    assert (await ann.look()).frames == []
    await bob.ask("join", channel_ids=["den"])
    await town.clock.advance(TICK)
    assert [len(each["joined"]) for each in (await ann.look()).frames] == [1]


async def test_a_watcher_that_comes_in_the_middle_of_a_tick_is_told_the_truth(
    town: Town, house: House
) -> None:
    ann = await watch(house, "ann")
    bob = await house.connect("bob")
    await bob.ask("join", channel_ids=["den"])
    late = await watch(house, "ann")
    assert late.users == {ANN_: {}, BOB_: {}}
    await bob.ask("leave", channel_ids=["den"])
    await town.clock.advance(TICK)
    assert (await late.look()).users == {ANN_: {}}
    assert (await ann.look()).frames == [], "it was never told that he was there"


async def test_count_gets_numbers_only(town: Town, house: House) -> None:
    ann = await watch(house, "ann", "count")
    assert (ann.users, ann.count) == (None, 1)
    await house.connect("bob", "den")
    await town.clock.advance(TICK)
    assert (await ann.look()).frames == [{"type": "presence", "channel_id": "den", "count": 2}]


async def test_clients_that_have_not_signed_in_are_counted_by_connection_and_not_listed(
    town: Town, house: House
) -> None:
    ann = await watch(house, "ann")
    two = [await house.connect(None, "den"), await house.open(None, "den")]
    await town.clock.advance(TICK)
    assert ((await ann.look()).users, ann.count) == ({ANN_: {}}, 3)
    two[1].leave()
    await settle()
    await town.clock.advance(TICK)
    assert (await ann.look()).count == 2, "at once: nobody could say that it has come back"


async def test_another_user_is_another_person_at_once(town: Town, house: House) -> None:
    ann = await watch(house, "ann")
    bob = await watch(house, "bob")
    await town.clock.advance(TICK)
    await ann.look()
    await bob.look()
    await bob.listener.ask("change_user", token="")
    await town.clock.advance(TICK)
    assert ((await ann.look()).users, ann.count) == ({ANN_: {}}, 2)
    assert ((await bob.look()).users, bob.count) == ({ANN_: {}}, 2), "it watches on"


async def test_a_client_that_loses_the_channel_hears_no_presence_of_it(town: Town) -> None:
    house = await town.start(Policies(join="authenticated"))
    ann, bob = await watch(house, "ann"), await watch(house, "bob")
    await town.clock.advance(TICK)
    await ann.look(), await bob.look()
    await bob.listener.ask("change_user", token="")
    await town.clock.advance(TICK)
    assert (await ann.look()).users == {ANN_: {}}
    assert (await bob.look()).frames == []
    await house.connect("bob", "den")
    await town.clock.advance(TICK)
    assert (await bob.look()).frames == []
    assert (await ann.look()).users == {ANN_: {}, BOB_: {}}


async def test_a_channel_that_one_may_not_join_shows_nobody(town: Town) -> None:
    house = await town.start(Policies(join="authenticated"))
    await house.connect("ann", "den")
    nobody = await house.connect(None, {"channel_id": "den", "presence": "list"})
    assert nobody.who["streams"]["channels"]["den"] == {"recovered": False, "reason": "forbidden"}
    assert (await nobody.ask("presence", channel_id="den"))["error"]["code"] == "refused"
    assert len(house.hub.presence) == 0


async def test_a_revoked_user_has_left_at_once(town: Town, house: House) -> None:
    ann = await watch(house, "ann")
    await house.connect("bob", "den")
    await town.clock.advance(TICK)
    await ann.look()
    house.hub.sign_out(BOB)
    await town.clock.advance(TICK)
    assert (await ann.look()).users == {ANN_: {}}


async def test_pages_are_sorted_by_root(town: Town, house: House) -> None:
    house.tokens |= {letter: letter * 24 for letter in "1357"}
    for letter in "7315":
        await house.connect(letter, "den")
    ann = await house.connect("ann", "den")
    page = (await ann.ask("presence", channel_id="den", limit=2))["data"]
    assert [each["root_id"][3] for each in page.pop("users")] == ["1", "3"]
    assert page == {"channel_id": "den", "count": 5, "has_more": True}
    page = (await ann.ask("presence", channel_id="den", after=f"n::{'3' * 24}"))["data"]
    assert [each["root_id"][3] for each in page["users"]] == ["5", "7", "a"]
    assert not page["has_more"]
    assert (await ann.ask("presence", channel_id="den", after="?"))["error"]["code"] == "bad_reference"


async def test_above_a_thousand_only_counts_are_sent_until_there_are_fewer(town: Town, house: House) -> None:
    house.tokens |= {f"u{number}": f"{number:024x}" for number in range(2, 1010)}
    ann = await watch(house, "ann")
    crowd = [await house.connect(f"u{number}", "den") for number in range(2, 1001)]
    await town.clock.advance(TICK)
    assert ((await ann.look()).count, len(ann.users or ())) == (1000, 1000)
    crowd += [await house.connect(f"u{number}", "den") for number in range(1001, 1003)]
    await town.clock.advance(TICK)
    assert (await ann.look()).frames == [{"type": "presence", "channel_id": "den", "count": 1002}]
    late = await watch(house, "ann")
    assert (late.users, late.count) == (None, 1002)
    for each in crowd[:150]:
        await each.ask("leave", channel_ids=["den"])
    await town.clock.advance(TICK)
    for seen in (ann, late):
        await seen.look()
        assert [set(each) for each in seen.frames] == [{"type", "channel_id", "users", "count"}]
        assert (len(seen.users or ()), seen.count) == (852, 852)


async def test_large_infos_make_a_crowd_as_well(town: Town, house: House) -> None:
    house.tokens |= {f"u{number}": f"{number:024x}" for number in range(2, 300)}
    for number in range(2, 300):
        await house.connect(f"u{number}", "den", info={"text": "x" * 1000})
    ann = await watch(house, "ann")
    assert (ann.users, ann.count) == (None, 299)


async def test_info_is_an_object_of_a_kilobyte_at_most(house: House) -> None:
    for info, code in (({"a": "x" * 1024}, "limited"), (["a"], "bad_event"), ("a", "bad_event")):
        reply = await (await house.connect("wrong")).connect("ann", info=info)
        assert reply["error"]["code"] == code


async def test_another_info_of_the_same_user_is_told(town: Town, house: House) -> None:
    ann = await watch(house, "ann")
    bob = await house.connect("bob", "den", info={"is": "here"})
    await town.clock.advance(TICK)
    await ann.look()
    bob.socket.leave()
    await settle()
    await house.connect("bob", "den", info={"is": "busy"})
    await town.clock.advance(TICK)
    assert (await ann.look()).users == {ANN_: {}, BOB_: {"is": "busy"}}
    assert ann.count == 2


async def test_what_nobody_watches_is_forgotten_and_the_ticks_end(town: Town, house: House) -> None:
    ann = await watch(house, "ann")
    assert len(house.hub.presence) == 1
    assert town.clock.ticks
    ann.listener.socket.leave()
    await house.connect("bob", "den")
    await town.clock.advance(KEEP + 1)
    assert len(house.hub.presence) == 0
    assert not town.clock.ticks
    assert house.hub._channels.attendance is None


async def test_nothing_is_tracked_for_those_who_do_not_ask(town: Town, house: House) -> None:
    await house.connect("bob", "den")
    await house.open("ann", "den")
    assert len(house.hub.presence) == 0
    assert not town.clock.ticks
    assert house.wire.peers.counts.published == 0


async def test_a_program_asks_who_is_there(town: Town, house: House) -> None:
    await house.connect("bob", "den", info={"name": "Bob"})
    await house.connect(None, "den")
    count, users = await house.hub.presence.find("den")
    assert count == 2
    assert [json.loads(user) for user in users] == [{"root_id": BOB_, "info": {"name": "Bob"}}]
    assert await house.hub.presence.find_online([ANN, BOB]) == {BOB}
    assert await house.hub.presence.find("hall") == (0, [])


def test_seen_is_a_client_as_any_other() -> None:
    seen = Seen(None, {"users": [{"root_id": ANN_, "info": {}}], "count": 1})  # type: ignore[arg-type]
    seen._take(
        {"joined": [{"root_id": BOB_, "info": {}}], "left": [{"root_id": ANN_, "info": {}}], "count": 1}
    )
    assert seen.names == {"b"}
