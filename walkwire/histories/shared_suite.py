"""Shared suite: the checks of `suite` for kinds of history that several servers share."""

from __future__ import annotations

import asyncio

from walkwire.histories.probe import PATIENCE, Check, Make, messages, servers, topic


async def all_servers_hear_the_same_order(make: Make) -> None:
    """Check the order of what three servers publish at once."""
    async with servers(make, 3) as some:
        lobby = topic()
        for server in some:
            await server.open(lobby)
        for number in range(300):
            for place, server in enumerate(some):
                server.publish(lobby, b"%d %d" % (place, number))
            if number % 10 == 0:
                await asyncio.sleep(0)
        first, *others = [await server.hears(900) for server in some]
        for heard in others:
            assert heard == first
        for place in range(3):
            own = [told.message for told in first if told.message.startswith(b"%d " % place)]
            assert own == [b"%d %d" % (place, number) for number in range(300)]
        at = first[0].mark
        for told in first[1:]:
            assert told.previous == at.offset
            at = told.mark


async def a_place_is_good_on_every_server(make: Make) -> None:
    """Check that a server that opens a stream later reads what another one heard."""
    async with servers(make, 2) as (ann, bob):
        lobby = topic()
        await ann.open(lobby)
        for number in range(10):
            bob.publish(lobby, b"%d" % number)
        heard = await ann.hears(10)
        (tail,) = await bob.open(lobby)
        assert tail == heard[-1].mark
        for number, told in enumerate(heard):
            page = await bob.history.read(lobby, 100, after=told.mark)
            assert messages(page) == [b"%d" % later for later in range(number + 1, 10)]
            assert not page.has_gap


async def subscribers_of_the_topic_get_what_is_published_as_before(make: Make) -> None:
    """Check that a broker delivers the same, in order, before a stream is open and after."""
    async with servers(make, 3) as (ann, bob, eve):
        lobby = topic()
        eve.broker.subscribe([lobby, "all"])
        if (settled := eve.broker.when_subscribed()) is not None:
            await settled
        ann.publish(lobby, b"1")
        await ann.published()
        await bob.open(lobby)
        ann.publish(lobby, b"2")
        ann.publish(lobby, b"3")
        await bob.hears(2)
        await ann.published()
        ann.publish(lobby, b"4")
        async with asyncio.timeout(PATIENCE):
            while not eve.received or eve.received[-1][1] != b"4":  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        # A kind may send notes of its own, which are envelopes of a kind that no server delivers.
        received = [(name, message) for name, message in eve.received if not message.startswith(b'["",0,')]
        assert received == [(lobby, b"%d" % number) for number in range(1, 5)]


async def a_server_that_closes_a_stream_takes_it_from_nobody(make: Make) -> None:
    """Check that the other server hears on."""
    async with servers(make, 2) as (ann, bob):
        lobby = topic()
        await ann.open(lobby)
        await bob.open(lobby)
        ann.history.close([lobby])
        ann.publish(lobby, b"1")
        assert [told.message for told in await bob.hears(1)] == [b"1"]
        assert ann.heard == []


async def a_message_to_many_topics_is_an_entry_of_each(make: Make) -> None:
    """Check that `publish_all` gives each open stream its entry, in order with others, and nothing to others."""
    async with servers(make, 2) as (ann, bob):
        lobbies = [topic() for _ in range(100)]
        await bob.open(*lobbies)
        ann.publish(lobbies[0], b"1")
        ann.broker.publish_all([*lobbies, topic()], "all", b'["a",1,"users",[]]\n', b"data", b"kept\n")
        ann.publish(lobbies[0], b"2")
        heard = await bob.hears(102)
        assert {told.topic for told in heard} == set(lobbies)
        first = [told.message for told in heard if told.topic == lobbies[0]]
        assert (first[0], first[1].endswith(b"data"), first[2]) == (b"1", True, b"2")
        assert messages(await bob.history.read(lobbies[7], 10)) == [first[1]]


async def what_is_published_while_a_stream_is_opened_is_heard_once(make: Make) -> None:
    """Check that what is accepted after `open` began is heard or behind the tail, and nothing is missing between."""
    async with servers(make, 2) as (ann, bob):
        for _ in range(5):
            lobby = topic()
            bob.heard.clear()
            number = 0
            opening = asyncio.ensure_future(bob.open(lobby))
            while not opening.done():
                if number < 200:  # no more than are kept
                    ann.publish(lobby, b"%d" % number)
                    number += 1
                await asyncio.sleep(0)
            (tail,) = opening.result()
            ann.publish(lobby, b"end")
            async with asyncio.timeout(PATIENCE):
                while not bob.heard or bob.heard[-1].message != b"end":
                    await bob.hears(len(bob.heard) + 1)
            heard = [told for told in bob.heard if told.mark.offset > tail.offset]
            numbers = [int(told.message) for told in heard[:-1]]
            assert numbers == list(range(number - len(numbers), number))
            assert messages(await bob.history.read(lobby, 1000, after=tail)) == [
                told.message for told in heard
            ]


SHARED_CHECKS: tuple[Check, ...] = (
    all_servers_hear_the_same_order,
    a_place_is_good_on_every_server,
    subscribers_of_the_topic_get_what_is_published_as_before,
    a_server_that_closes_a_stream_takes_it_from_nobody,
    a_message_to_many_topics_is_an_entry_of_each,
    what_is_published_while_a_stream_is_opened_is_heard_once,
)
