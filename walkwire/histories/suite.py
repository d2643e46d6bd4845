"""Suite: the contract of `history.py` as checks that every history has to pass, yours too. Needs no test library.

    @pytest.mark.parametrize("check", suite.CHECKS, ids=suite.name)
    async def test_my_history(check):
        await check(lambda: suite.Probe(MyBroker("my://…"), MyHistory("my://…")))

Each check takes a callable that returns one more server of the same system, not started. It raises AssertionError, or
TimeoutError if an entry was not heard within PATIENCE seconds. There are three sets: CHECKS for every kind, LEVEL_CHECKS for
kinds that keep each stream by its own level, and SHARED_CHECKS for kinds that several servers share.
"""

from __future__ import annotations

import asyncio

from walkwire.histories.probe import PATIENCE, Check, Make, Probe, messages, servers, topic
from walkwire.histories.shared_suite import SHARED_CHECKS
from walkwire.history import Mark, Page, Retention

__all__ = ["CHECKS", "LEVEL_CHECKS", "SHARED_CHECKS", "Check", "Make", "Probe", "name"]


async def entries_are_heard_in_order_and_each_names_the_one_before(make: Make) -> None:
    """Check the marks and the order of 500 entries."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        (tail,) = await ann.open(lobby)
        sent = [b"%d" % number for number in range(500)]
        for message in sent:
            ann.publish(lobby, message)
        heard = await ann.hears(len(sent))
        assert [told.message for told in heard] == sent
        at = tail
        for told in heard:
            assert told.mark.epoch == tail.epoch
            assert told.mark.offset > at.offset >= told.previous
            at = told.mark
        assert await ann.history.tails([lobby]) == {lobby: at}


async def a_stream_that_is_not_open_is_not_heard(make: Make) -> None:
    """Check that nothing is heard before `open` and after `close`."""
    async with servers(make, 1) as (ann,):
        lobby, other = topic(), topic()
        ann.publish(lobby, b"before")
        await ann.published()
        await ann.open(lobby, other)
        ann.publish(lobby, b"1")
        await ann.hears(1)
        ann.history.close([lobby])
        await ann.published()
        ann.publish(lobby, b"after")
        ann.publish(other, b"2")
        while ann.heard[-1].message != b"2":
            await ann.hears(len(ann.heard) + 1)
        # A service may be late with what it accepted: then that is in the stream, behind its tail.
        assert [told.message for told in ann.heard if told.message != b"before"] == [b"1", b"2"]


async def what_was_heard_can_be_read_from_every_place(make: Make) -> None:
    """Check pages behind each place, and up to each place."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        (tail,) = await ann.open(lobby)
        sent = [b"%d" % number for number in range(30)]
        for message in sent:
            ann.publish(lobby, message)
        places = [tail, *(told.mark for told in await ann.hears(len(sent)))]
        for number, place in enumerate(places):
            page = await ann.history.read(lobby, 100, after=place)
            assert (messages(page), page.has_gap, page.has_more) == (sent[number:], False, False)
            assert page.tail == places[-1]
            page = await ann.history.read(lobby, 7, after=place)
            assert messages(page) == sent[number : number + 7]
            assert page.has_more == (number + 7 < len(sent))
            page = await ann.history.read(lobby, 7, upto=place)
            assert (messages(page), page.has_gap) == (sent[max(0, number - 7) : number], False)
            assert page.has_more == (number > 7)
        page = await ann.history.read(lobby, 5)
        assert (messages(page), page.has_more, page.has_gap) == (sent[-5:], True, False)


async def a_place_of_another_stream_or_in_the_future_is_a_gap(make: Make) -> None:
    """Check that such a place gives an empty page with a gap."""
    async with servers(make, 1) as (ann,):
        lobby, other = topic(), topic()
        await ann.open(lobby, other)
        for name in (lobby, other):
            for _ in range(3):
                ann.publish(name, b"x")
        await ann.hears(6)
        tails = await ann.history.tails([lobby, other])
        here = tails[lobby]
        assert here.epoch != tails[other].epoch
        for place in (tails[other], Mark("elsewhere", 1), Mark("", 0), here._replace(offset=here.offset + 1)):
            for page in (
                await ann.history.read(lobby, 10, after=place),
                await ann.history.read(lobby, 10, upto=place),
            ):
                assert (page.entries, page.has_gap, page.tail) == ((), True, here)


async def a_stream_of_which_nobody_has_heard_anything_has_a_place(make: Make) -> None:
    """Check that nothing was missed behind the tail of an empty stream."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        (tail,) = await ann.open(lobby)
        page = await ann.history.read(lobby, 10, after=tail)
        assert page == Page(tail, ())
        assert messages(await ann.history.read(lobby, 10)) == []


async def a_stream_is_kept_when_it_was_closed(make: Make) -> None:
    """Check that a place is good when the stream is opened again, and that what was published meanwhile is there."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        await ann.open(lobby)
        ann.publish(lobby, b"1")
        place = (await ann.hears(1))[0].mark
        ann.history.close([lobby])
        ann.publish(lobby, b"2")
        ann.publish(lobby, b"3")
        await ann.published()
        (tail,) = await ann.open(lobby)
        assert tail.epoch == place.epoch
        page = await ann.history.read(lobby, 10, after=place)
        assert (messages(page), page.has_gap) == ([b"2", b"3"], False)
        ann.publish(lobby, b"4")
        while ann.heard[-1].message != b"4":
            await ann.hears(len(ann.heard) + 1)
        at = tail.offset
        for told in ann.heard[1:]:  # a service may be late with what it accepted: then that is heard as well
            if told.mark.offset > at:
                assert told.previous == at
                at = told.mark.offset


async def too_many_entries_lose_the_oldest(make: Make) -> None:
    """Check that a stream of 300 keeps 300, and that a place before them is a gap."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        await ann.open(lobby)
        for number in range(400):
            ann.publish(lobby, b"%d" % number)
        heard = await ann.hears(400)
        page = await ann.history.read(lobby, 1000, after=heard[5].mark)
        assert page.has_gap
        assert messages(page) == [told.message for told in heard[100:]]
        page = await ann.history.read(lobby, 1000, after=heard[100].mark)
        assert (len(page.entries), page.has_gap) == (299, False)


async def bytes_are_not_touched(make: Make) -> None:
    """Check that any bytes are heard and read unchanged, up to 512,000."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        await ann.open(lobby)
        sent = [b"\r\n", bytes(range(256)) * 2000, b"PING\r\n", b"[1]\n"]
        for message in sent:
            ann.publish(lobby, message)
        assert [told.message for told in await ann.hears(4)] == sent
        assert messages(await ann.history.read(lobby, 10)) == sent


async def many_streams_are_opened_at_once(make: Make) -> None:
    """Check 1,000 streams in one call."""
    async with servers(make, 1) as (ann,):
        lobbies = [topic() for _ in range(1000)]
        marks = await ann.open(*lobbies)
        assert len({mark.epoch for mark in marks}) == 1000
        for lobby in lobbies:
            ann.publish(lobby, b"1")
        assert sorted(told.topic for told in await ann.hears(1000)) == sorted(lobbies)


CHECKS: tuple[Check, ...] = (
    entries_are_heard_in_order_and_each_names_the_one_before,
    a_stream_that_is_not_open_is_not_heard,
    what_was_heard_can_be_read_from_every_place,
    a_place_of_another_stream_or_in_the_future_is_a_gap,
    a_stream_of_which_nobody_has_heard_anything_has_a_place,
    a_stream_is_kept_when_it_was_closed,
    too_many_entries_lose_the_oldest,
    bytes_are_not_touched,
    many_streams_are_opened_at_once,
)


async def nothing_is_kept_of_a_stream_that_nobody_opened(make: Make) -> None:
    """Check that a stream is empty when it is opened."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        ann.publish(lobby, b"1")
        await ann.published()
        (tail,) = await ann.open(lobby)
        assert await ann.history.read(lobby, 10) == Page(tail, ())


async def each_stream_has_its_own_count(make: Make) -> None:
    """Check the entries that are kept, and the places behind which they are complete."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        await ann.open(lobby, level=Retention(5, 300.0))
        for number in range(20):
            ann.publish(lobby, b"%d" % number)
        heard = await ann.hears(20)
        for number, told in enumerate(heard):
            page = await ann.history.read(lobby, 100, after=told.mark)
            assert page.has_gap == (number < 14), number
            kept = [told.message for told in heard[max(number + 1, 15) :]]
            assert messages(page) == kept


async def entries_end_with_their_age(make: Make) -> None:
    """Check that an entry goes after its time, and that a place before it is a gap then, but none behind it."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        (tail,) = await ann.open(lobby, level=Retention(300, 1.0))
        ann.publish(lobby, b"1")
        place = (await ann.hears(1))[0].mark
        async with asyncio.timeout(PATIENCE):
            while not (page := await ann.history.read(lobby, 10, after=tail)).has_gap:
                assert messages(page) == [b"1"]
                await asyncio.sleep(0.05)
        assert await ann.history.read(lobby, 10, after=place) == Page(place, ())
        ann.publish(lobby, b"2")
        await ann.hears(2)
        page = await ann.history.read(lobby, 10, after=place)
        assert (messages(page), page.has_gap) == ([b"2"], False)


async def a_level_of_nothing_keeps_only_places(make: Make) -> None:
    """Check that entries of such a stream are heard, and that whoever missed one is told."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        (tail,) = await ann.open(lobby, level=Retention(0, 60.0))
        ann.publish(lobby, b"1")
        (told,) = await ann.hears(1)
        assert (told.message, told.previous) == (b"1", tail.offset)
        page = await ann.history.read(lobby, 10, after=tail)
        assert (page.entries, page.has_gap, page.tail) == ((), True, told.mark)
        assert await ann.history.read(lobby, 10, after=told.mark) == Page(told.mark, ())


async def what_is_kept_of_a_stream_is_bounded_in_bytes(make: Make) -> None:
    """Check that at most 2 MiB of large entries are kept, and that the newest one is."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        await ann.open(lobby)
        for number in range(30):
            ann.publish(lobby, b"%2d" % number + bytes(300_000))
        heard = await ann.hears(30)
        page = await ann.history.read(lobby, 100, after=heard[0].mark)
        assert page.has_gap
        assert 0 < sum(map(len, messages(page))) < 2 * 1024 * 1024
        assert messages(page)[-1] == heard[-1].message


LEVEL_CHECKS: tuple[Check, ...] = (
    nothing_is_kept_of_a_stream_that_nobody_opened,
    each_stream_has_its_own_count,
    entries_end_with_their_age,
    a_level_of_nothing_keeps_only_places,
    what_is_kept_of_a_stream_is_bounded_in_bytes,
)


def name(check: Check) -> str:
    """Return the name of a check, for test ids."""
    return str(getattr(check, "__name__", check))
