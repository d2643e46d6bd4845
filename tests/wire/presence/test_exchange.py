"""Several servers: who watches is told of everybody, at once, whatever is lost, and of nobody for ever."""

from __future__ import annotations

from tests.wire.conftest import ANN, BOB, House, settle
from tests.wire.presence.conftest import Seen, Town, watch
from walkwire.wire.message import envelope
from walkwire.wire.presence.exchange import BEAT, COLD, LEASE
from walkwire.wire.presence.presence import KEEP, LINGER, TICK

ANN_, BOB_ = f"n::{ANN}", f"n::{BOB}"


async def two(town: Town) -> tuple[House, House]:
    return await town.start(), await town.start()


async def test_users_of_other_servers_are_in_the_first_frame_and_then_in_the_reply(town: Town) -> None:
    here, there = await two(town)
    await there.connect("bob", "den", info={"name": "Bob"})
    await there.open("bob", "hall")
    ann = await town.run(watch(here, "ann"))
    await town.clock.advance(TICK)
    assert (await ann.look()).users == {ANN_: {}, BOB_: {"name": "Bob"}}
    hall = await town.run(watch(here, "ann", channel_id="hall"))
    assert hall.users == {ANN_: {}, BOB_: {}}


async def test_what_changes_elsewhere_is_told_within_two_ticks(town: Town) -> None:
    here, there = await two(town)
    ann = await town.run(watch(here, "ann"))
    bob = await there.connect("bob", "den")
    await there.connect(None, "den")
    await town.clock.advance(2 * TICK)
    assert ((await ann.look()).users, ann.count) == ({ANN_: {}, BOB_: {}}, 3)
    await bob.ask("leave", channel_ids=["den"])
    await town.clock.advance(2 * TICK)
    assert ((await ann.look()).users, ann.count) == ({ANN_: {}}, 2)


async def test_a_user_who_comes_back_on_another_server_has_not_left(town: Town) -> None:
    here, there = await two(town)
    ann = await town.run(watch(here, "ann"))
    bob = await there.connect("bob", "den")
    await town.clock.advance(1)
    await ann.look()
    bob.socket.leave()
    await settle()
    await town.clock.advance(LINGER / 2)
    bob = await here.connect("bob", "den", session=bob.who["session"])
    await town.clock.advance(3 * LINGER)
    assert (await ann.look()).frames == []
    await bob.ask("leave", channel_ids=["den"])
    await town.clock.advance(1)
    assert (await ann.look()).users == {ANN_: {}}


async def test_a_server_that_dies_has_gone_within_fifteen_seconds(town: Town) -> None:
    here, there = await two(town)
    ann = await town.run(watch(here, "ann"))
    await there.connect("bob", "den")
    await town.clock.advance(1)
    assert (await ann.look()).count == 2
    await town.kill(there)
    await town.clock.advance(LEASE - BEAT - 1)
    assert (await ann.look()).frames == []
    await town.clock.advance(15 - (LEASE - BEAT - 1))
    assert (await ann.look()).users == {ANN_: {}}


async def test_a_server_that_starts_later_is_heard_after_a_beat(town: Town) -> None:
    here = await town.start()
    ann = await town.run(watch(here, "ann"))
    there = await town.start()
    await there.connect("bob", "den")
    await town.clock.advance(BEAT + 2 * TICK)
    assert (await ann.look()).users == {ANN_: {}, BOB_: {}}


async def test_the_last_update_that_is_lost_is_repaired(town: Town) -> None:
    here, there = await two(town)
    ann = await town.run(watch(here, "ann"))
    bob = await there.connect("bob", "den")
    await town.clock.advance(BEAT + 1)
    assert (await ann.look()).count == 2
    broker = town.brokers[there.wire.ids.server]
    broker.is_cut = True
    await bob.ask("leave", channel_ids=["den"])
    await town.clock.advance(TICK)
    broker.is_cut = False
    await town.clock.advance(3 * BEAT)
    assert (await ann.look()).users == {ANN_: {}}


async def test_two_servers_that_lost_each_other_for_long_agree_again(town: Town) -> None:
    here, there = await two(town)
    ann, bob = await town.run(watch(here, "ann")), await town.run(watch(there, "bob"))
    await town.clock.advance(BEAT)
    broker = town.brokers[here.wire.ids.server]
    broker.is_cut = True
    await town.clock.advance(2 * LEASE)
    await ann.look()
    await bob.look()
    assert (ann.names, bob.names) == ({"a"}, {"b"})
    broker.is_cut = False
    await town.clock.advance(2 * BEAT)
    await ann.look()
    await bob.look()
    assert ann.names == bob.names == {"a", "b"}


async def test_only_servers_where_somebody_watches_hear_of_a_channel(town: Town) -> None:
    here, there = await two(town)
    third = await town.start()
    for number in range(20):
        await there.connect("bob", f"room{number}")
    assert sum(broker.counts.published for broker in town.brokers.values()) == 0, "nobody watches"
    ann = await town.run(watch(here, "ann"))
    await town.clock.advance(BEAT)
    heard = [town.brokers[house.wire.ids.server].counts.received for house in (here, third)]
    bob = await there.connect("bob", "den")
    for _ in range(20):
        await bob.ask("leave", channel_ids=["den"])
        await town.clock.advance(TICK)
        await bob.ask("join", channel_ids=["den"])
        await town.clock.advance(TICK)
    here_heard, third_heard = (
        town.brokers[house.wire.ids.server].counts.received - before
        for house, before in zip((here, third), heard, strict=True)
    )
    assert here_heard >= 40
    assert third_heard <= 2 * 20 * 2 * TICK / BEAT + 2, "beats only"
    assert (await ann.look()).frames


async def test_when_nobody_watches_any_more_nothing_is_published(town: Town) -> None:
    here, there = await two(town)
    ann = await town.run(watch(here, "ann"))
    bob = await there.connect("bob", "den")
    ann.listener.socket.leave()
    await settle()
    await town.clock.advance(KEEP + LEASE + BEAT + 1)
    assert not town.clock.ticks
    published = sum(broker.counts.published for broker in town.brokers.values())
    await bob.ask("leave", channel_ids=["den"])
    await town.clock.advance(60)
    assert sum(broker.counts.published for broker in town.brokers.values()) == published


async def test_a_large_channel_is_told_in_pages(town: Town) -> None:
    here, there = await two(town)
    there.tokens |= {f"u{number}": f"{number:024x}" for number in range(2, 1302)}
    for number in range(2, 1302):
        await there.open(f"u{number}", "den")
    ann = await town.run(watch(here, "ann"))
    await town.clock.advance(1)
    await ann.look()
    assert (ann.count, ann.users) == (1301, None)
    listener = await here.connect("ann")
    page = (await listener.ask("presence", channel_id="den", limit=1000))["data"]
    assert (len(page["users"]), page["count"], page["has_more"]) == (1000, 1301, True)


async def test_a_program_asks_all_servers_who_is_online(town: Town) -> None:
    here, there = await two(town)
    await there.connect("bob", "den", info={"name": "Bob"})
    await there.open("ann")
    asked = [ANN, BOB, "c" * 24]
    await town.run(here.hub.presence.find_online(asked))  # others are known from now on
    assert await town.run(here.hub.presence.find_online(asked)) == {ANN, BOB}
    await town.run(here.hub.presence.find("hall"))
    count, users = await town.run(here.hub.presence.find("den"))
    assert (count, len(users)) == (1, 1)


async def test_a_server_that_is_alone_behind_a_network_waits_for_others_once(town: Town) -> None:
    house = await town.start()
    town.brokers[house.wire.ids.server].is_networked = True
    begun = town.clock.now
    await town.run(watch(house, "ann"))
    assert COLD <= town.clock.now - begun <= COLD + 2 * TICK
    await watch(house, "ann", channel_id="hall")
    assert await house.hub.presence.find("attic") == (0, [])
    assert await house.hub.presence.find_online([BOB]) == frozenset()


async def test_a_message_that_is_not_understood_is_passed_over(town: Town) -> None:
    here, there = await two(town)
    there.wire.peers.publish("presence", (), (envelope.ALL,), b"?")
    await settle()
    seen: Seen = await town.run(watch(here, "ann"))
    assert seen.count == 1
