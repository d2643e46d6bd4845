"""Retries: what walks that get into each other's way come to."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

import pytest

from tests.walk.run.counting import Account, CountedNode, Profile, add_one, make_counter
from walkwire import (
    Root,
    Walker,
    commit,
    delete,
    get_context,
    on_entry,
    root,
    socket,
)
from walkwire.errors import Busy, Conflict, NoAccess
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import Store
from walkwire.walk.run.request import Entry, RunOptions, WalkRequest


async def test_64_walks_on_one_counter_end_as_64_increments_told_in_order(world: Any) -> None:
    (counter,) = await world.reports(make_counter)

    answers = await asyncio.gather(*(world.reports(add_one, counter["id"]) for _ in range(64)))

    assert sorted(answers) == [[n] for n in range(1, 65)]
    assert [data for _, data in world.told] == list(range(1, 65))


async def test_walks_with_async_abilities_lose_no_increment_either(world: Any) -> None:
    class add_slowly(Walker):
        @on_entry
        async def add(self, here: CountedNode) -> None:
            seen = here.n
            await asyncio.sleep(0)
            here.n = seen + 1
            self.report(here.n)

    (counter,) = await world.reports(make_counter)

    both = (add_slowly, add_one)
    answers = await asyncio.gather(*(world.reports(both[n % 2], counter["id"]) for n in range(40)))

    assert sorted(answers) == [[n] for n in range(1, 41)]


async def test_get_or_create_makes_one_however_often_it_is_clicked(world: Any) -> None:
    class profile(Walker):
        @on_entry
        def get_or_create(self, here: Root) -> None:
            if not here.out(Profile):
                here.connect(Profile("me"))
            self.report(here.out(Profile))

    answers = await asyncio.gather(*(world.reports(profile) for _ in range(24)))

    assert {answer[0][0]["id"] for answer in answers} == {answers[0][0][0]["id"]}
    assert all(len(answer[0]) == 1 for answer in answers)


async def test_walks_that_connect_to_one_node_without_looking_do_not_conflict(world: Any) -> None:
    runs = []

    class connect(Walker):
        @on_entry
        def blindly(self, here: Root) -> None:
            runs.append(1)
            here.connect(Profile())

    await asyncio.gather(*(world.reports(connect) for _ in range(50)))

    assert len(runs) == 50


async def test_no_reader_ever_sees_money_on_its_way(world: Any) -> None:
    class open_accounts(Walker):
        @on_entry
        def twenty(self, here: Root) -> None:
            for _ in range(20):
                here.connect(Account())

    class transfer(Walker):
        frm: int
        to: int
        amount: int

        @on_entry
        def move(self, here: Root) -> None:
            accounts = here.out(Account)
            accounts[self.frm].balance -= self.amount
            accounts[self.to].balance += self.amount

    class total(Walker):
        @on_entry
        def first_then_each(self, here: Root) -> None:
            self.report(sum(account.balance for account in here.out(Account)))

    class total_by_visit(Walker):
        sum: int = 0

        @on_entry
        def begin(self, here: Root) -> None:
            self.visit(here.out(Account))

        @on_entry
        def each(self, here: Account) -> None:
            self.sum += here.balance
            if len(here.into(Root)[0].out(Account)) == 20:
                get_context().reports[:] = [self.sum]

    await world.reports(open_accounts)
    chance = random.Random(7)

    async def transfers() -> None:
        for _ in range(15):
            frm, to = chance.sample(range(20), 2)
            await world.reports(transfer, frm=frm, to=to, amount=chance.randint(1, 50))

    async def readings(walker: type) -> list[Any]:
        return [await world.reports(walker) for _ in range(25)]

    *_, first, second = await asyncio.gather(
        *(transfers() for _ in range(4)), readings(total), readings(total_by_visit)
    )

    assert first == [[2000]] * 25
    assert second == [[2000]] * 25


async def test_what_went_at_once_is_not_sent_again_by_the_next_run(world: Any) -> None:
    (counter,) = await world.reports(make_counter)
    runs = []

    class progress(Walker):
        @on_entry
        def add(self, here: CountedNode) -> None:
            runs.append(1)
            socket.notify_channels(["x"], "begun")
            socket.notify_channels(["x"], "begun")
            here.n += 1
            if len(runs) == 1:  # another walk is quicker
                interfere()

    def interfere() -> None:
        other = asyncio.run_coroutine_threadsafe(world.reports(add_one, counter["id"]), loop)
        assert other.result(5) == [1]

    loop = asyncio.get_running_loop()
    await world.reports(progress, counter["id"])

    assert len(runs) == 2
    assert [data for _, data in world.told if data == "begun"] == ["begun", "begun"]


async def test_a_walk_is_run_again_with_a_fresh_walker_and_no_reports(world: Any) -> None:
    (counter,) = await world.reports(make_counter)
    runs = []

    class remember(Walker):
        seen: list = []  # type: ignore[type-arg]

        @on_entry
        def add(self, here: CountedNode) -> None:
            runs.append(1)
            self.seen.append("once")
            self.report(self.seen)
            here.n += 1
            if len(runs) == 1:
                other = asyncio.run_coroutine_threadsafe(world.reports(add_one, counter["id"]), loop)
                other.result(5)

    loop = asyncio.get_running_loop()
    assert await world.reports(remember, counter["id"]) == [["once"]]
    assert len(runs) == 2


async def test_a_walk_that_has_committed_is_never_run_again(world: Any) -> None:
    (counter,) = await world.reports(make_counter)
    runs = []

    class twice(Walker):
        @on_entry
        def add(self, here: CountedNode) -> None:
            runs.append(1)
            here.n += 1
            commit()
            here.n += 1
            asyncio.run_coroutine_threadsafe(world.reports(add_one, counter["id"]), loop).result(5)

    loop = asyncio.get_running_loop()
    with pytest.raises(Conflict):
        await world.reports(twice, counter["id"])

    assert len(runs) == 1
    assert await world.reports(add_one, counter["id"]) == [3]


class Crowded:
    """A store that is busy at some of the commits made through it, counted from 1."""

    def __init__(self, store: Store, *busy: int) -> None:
        self._store = store
        self._busy = busy
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    commit_all = None

    def commit(self, *arguments: Any) -> None:
        self._count += 1
        if self._count in self._busy:
            raise Busy
        self._store.commit(*arguments)


class write_twice(Walker):
    @on_entry
    def write(self, here: Root) -> None:
        here.connect(Profile("a"))
        commit()
        here.connect(Profile("b"))


@pytest.mark.parametrize(
    ("busy", "may_rerun", "told"), [(1, True, Busy), (2, True, Conflict), (1, False, Conflict)]
)
async def test_busy_is_said_only_where_nothing_was_done_and_all_may_be_asked_again(
    busy: int, may_rerun: bool, told: type[Exception], world: Any, make_world: Any
) -> None:
    other = make_world(Crowded(world.store, busy), sys.modules[__name__])
    request = WalkRequest(write_twice, dict, PUBLIC_ROOT, options=RunOptions(may_rerun))
    with pytest.raises(told):
        await other.runtime.run(request)
    assert await other.runtime.stop(5)
    assert await world.reports(count_profiles) == [busy - 1]


class count_profiles(Walker):
    @on_entry
    def count(self, here: Root) -> None:
        self.report(len(here.out(Profile)))


async def test_with_rerun_off_the_first_conflict_is_the_answer(world: Any) -> None:
    (counter,) = await world.reports(make_counter)
    loop = asyncio.get_running_loop()

    class once(Walker):
        @on_entry
        def add(self, here: CountedNode) -> None:
            here.n += 1
            asyncio.run_coroutine_threadsafe(world.reports(add_one, counter["id"]), loop).result(5)

    request = WalkRequest(once, dict, PUBLIC_ROOT, Entry(counter["id"]), RunOptions(may_retry=False))
    with pytest.raises(Conflict):
        await world.runtime.run(request)


async def test_an_edge_to_a_node_that_another_walk_deletes_is_run_again_and_refused(world: Any) -> None:
    (counter,) = await world.reports(make_counter)
    loop = asyncio.get_running_loop()
    runs = []

    class remove(Walker):
        @on_entry
        def it(self, here: CountedNode) -> None:
            delete(here)

    class join(Walker):
        @on_entry
        def it(self, here: CountedNode) -> None:
            runs.append(1)
            root().connect(here)
            if len(runs) == 1:
                asyncio.run_coroutine_threadsafe(world.reports(remove, counter["id"]), loop).result(5)

    with pytest.raises(NoAccess):
        await world.reports(join, counter["id"])
    assert len(runs) == 1
