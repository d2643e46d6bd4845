"""Walks of several servers on one PostgreSQL database: each has a store and a runtime of its own, as a process would."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.databases import postgres
from walkwire import Edge, Node, Root, Walker, commit, get_context, on_entry, socket
from walkwire.store import lock_keys
from walkwire.stores import open_store

SERVERS = 3


class Counter(Node):
    n: int = 0


class Profile(Node):
    name: str = ""


class Account(Node):
    balance: int = 100


class Mine(Edge):
    pass


class make_counter(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(here.connect(Counter()))


class add_one(Walker):
    @on_entry
    def add(self, here: Counter) -> None:
        here.n += 1
        socket.notify_channels(["counter"], here.n)
        self.report(here.n)


@pytest.fixture
async def servers(request: pytest.FixtureRequest, make_world: Callable[..., Any]) -> AsyncIterator[list[Any]]:
    with postgres() as url:
        stores = [await asyncio.to_thread(open_store, url, connections=8) for _ in range(SERVERS)]
        worlds = [make_world(store, request.module) for store in stores]
        yield worlds
        for world in worlds:
            assert await world.runtime.stop(5)
        for store in stores:
            store.close()


async def test_a_crowd_of_all_servers_at_one_counter_loses_no_increment(servers: list[Any]) -> None:
    (counter,) = await servers[0].reports(make_counter)

    answers = await asyncio.gather(
        *(servers[n % SERVERS].reports(add_one, counter["id"]) for n in range(120))
    )

    assert sorted(answers) == [[n] for n in range(1, 121)]
    told = [[data for _, data in server.told] for server in servers]
    assert all(each == sorted(each) for each in told)
    assert sorted(n for each in told for n in each) == list(range(1, 121))


async def test_get_or_create_makes_one_whichever_server_is_asked(servers: list[Any]) -> None:
    class profile(Walker):
        @on_entry
        def get_or_create(self, here: Root) -> None:
            if not here.out(Profile):
                here.connect(Profile("me"))
            self.report(here.out(Profile))

    answers = await asyncio.gather(*(servers[n % SERVERS].reports(profile) for n in range(24)))

    assert {answer[0][0]["id"] for answer in answers} == {answers[0][0][0]["id"]}
    assert all(len(answer[0]) == 1 for answer in answers)


async def test_walks_of_all_servers_that_connect_to_one_node_without_looking_do_not_conflict(
    servers: list[Any],
) -> None:
    runs = []

    class connect(Walker):
        @on_entry
        def blindly(self, here: Root) -> None:
            runs.append(1)
            here.connect(Profile())

    await asyncio.gather(*(servers[n % SERVERS].reports(connect) for n in range(60)))

    assert len(runs) == 60


async def test_walks_at_places_of_their_own_do_not_conflict(servers: list[Any]) -> None:
    runs = []

    class get_or_create(Walker):
        @on_entry
        def here(self, here: Root) -> None:
            runs.append(1)
            if not here.out(Profile):
                here.connect(Profile("me"))

    roots = [servers[0].user() for _ in range(48)]

    await asyncio.gather(
        *(servers[n % SERVERS].reports(get_or_create, root=root) for n, root in enumerate(roots))
    )

    assert len(runs) == 48


async def test_no_reader_of_any_server_sees_money_on_its_way(servers: list[Any]) -> None:
    class open_accounts(Walker):
        @on_entry
        def make(self, here: Root) -> None:
            for _ in range(100):
                here.connect(Account())

    class ids(Walker):
        @on_entry
        def tell(self, here: Root) -> None:
            self.report(here.out(Account))

    class transfer(Walker):
        frm: Account
        to: Account
        amount: int

        @on_entry
        def move(self, here: Root) -> None:
            self.frm.balance -= self.amount
            self.to.balance += self.amount

    class total(Walker):
        @on_entry
        def at_once(self, here: Root) -> None:
            self.report(sum(account.balance for account in here.out(Account)))

    class total_by_visit(Walker):
        sum: int = 0

        @on_entry
        def begin(self, here: Root) -> None:
            self.visit(here.out(Account)[:20])
            self.visit(here.out(Account, edge=None)[20:])

        @on_entry
        def each(self, here: Account) -> None:
            self.sum += here.balance
            here.into(Root)
            get_context().reports[:] = [self.sum]

    await servers[0].reports(open_accounts)
    ((accounts),) = await servers[1].reports(ids)
    chance = random.Random(11)

    async def transfers(server: Any) -> None:
        for _ in range(20):
            frm, to = chance.sample([account["id"] for account in accounts], 2)
            await server.reports(transfer, frm=frm, to=to, amount=chance.randint(1, 50))

    async def readings(server: Any, walker: type) -> list[Any]:
        return [await server.reports(walker) for _ in range(12)]

    *_, first, second = await asyncio.gather(
        *(transfers(servers[n % SERVERS]) for n in range(6)),
        readings(servers[0], total),
        readings(servers[1], total_by_visit),
    )

    assert first == [[10000]] * 12
    assert second == [[10000]] * 12


async def test_a_commit_in_the_midst_of_a_walk_stands_in_line_too(servers: list[Any]) -> None:
    class add_twice(Walker):
        @on_entry
        def add(self, here: Counter) -> None:
            here.n += 1
            commit()
            self.report("committed")

    (counter,) = await servers[0].reports(make_counter)
    key = lock_keys([counter["id"].split(":")[2]], [])
    shared_locks = servers[1].store.shared_locks
    release = await asyncio.to_thread(shared_locks.take, key, 5, 5)
    walking = asyncio.ensure_future(servers[0].reports(add_twice, counter["id"]))
    await asyncio.to_thread(_until_somebody_waits, servers[2].store)
    assert not walking.done()

    await asyncio.to_thread(release)

    assert await walking == ["committed"]


async def test_a_walk_waits_for_the_locks_of_another_server_and_holds_no_thread_meanwhile(
    servers: list[Any],
) -> None:
    (counter,) = await servers[0].reports(make_counter)
    key = lock_keys([counter["id"].split(":")[2]], [])
    release = await asyncio.to_thread(servers[1].store.shared_locks.take, key, 5, 5)
    waiting = [asyncio.ensure_future(servers[0].reports(add_one, counter["id"])) for _ in range(30)]
    await asyncio.to_thread(_until_somebody_waits, servers[2].store)

    # More walks wait than the server has threads or connections, and yet there are some of both.
    assert await servers[0].reports(make_counter)
    assert not any(walk.done() for walk in waiting)

    await asyncio.to_thread(release)
    assert sorted(await asyncio.gather(*waiting)) == [[n] for n in range(1, 31)]


async def test_locks_end_with_their_time_whether_they_are_given_back_or_not(servers: list[Any]) -> None:
    (counter,) = await servers[0].reports(make_counter)
    key = lock_keys([counter["id"].split(":")[2]], [])
    release = await asyncio.to_thread(servers[1].store.shared_locks.take, key, 5, 0.2)

    assert await servers[0].reports(add_one, counter["id"]) == [1]

    await asyncio.to_thread(release)
    assert await servers[1].reports(add_one, counter["id"]) == [2]


def _until_somebody_waits(store: Any) -> None:
    waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
        WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    for _ in range(1000):
        with store._pool.raw() as connection:
            if connection.execute(waiting).fetchone()[0]:
                return
    raise AssertionError("nobody waits for a lock")
