"""Many at once on the same data, half over REST and half over sockets: nothing is lost, and no reader sees a state in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.serving import PROGRAMS, Person, Server, Socket
from walkwire.walk.unit.locks import HOLD_SECONDS

CROWD = 64
ACCOUNTS, BALANCE = 20, 100


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(PROGRAMS / "ledger.py", tmp_path_factory.mktemp("ledger")) as server:
        yield server


@pytest.fixture
async def ada(ledger: Server) -> Person:
    return await ledger.person("ada")


async def ask_all(socket: Socket, events: list[dict[str, Any]]) -> list[Any]:
    """Send walker events all at once, and give the data of their replies."""
    for number, event in enumerate(events):
        await socket.say(event | {"id": number})
    replies = {(reply := await socket.hear())["id"]: reply for _ in events}
    assert all(reply["ok"] for reply in replies.values()), replies
    return [replies[number]["data"]["reports"] for number in range(len(events))]


async def test_64_walks_at_once_on_one_counter_end_as_64_increments(ledger: Server, ada: Person) -> None:
    [counter] = await ledger.walk("make_counter", ada.token)
    event = {"type": "walker", "walker": "add_one", "node": counter["id"]}
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(ledger.connect(ada.token)) for _ in range(4)]
        over_rest = [ledger.walk("add_one", ada.token, counter["id"]) for _ in range(CROWD // 2)]
        over_sockets = [ask_all(socket, [event] * (CROWD // 2 // 4)) for socket in sockets]
        *answers, (first, second, third, fourth) = await asyncio.gather(
            *over_rest, asyncio.gather(*over_sockets)
        )

    values = [value for [value] in (*answers, *first, *second, *third, *fourth)]
    assert sorted(values) == list(range(1, CROWD + 1))
    assert await ledger.walk("read_counter", ada.token, counter["id"]) == [CROWD]


@pytest.mark.parametrize("at_once", [2, 8])
async def test_get_or_create_at_once_makes_one(ledger: Server, at_once: int) -> None:
    someone = await ledger.user()
    desks = await asyncio.gather(*(ledger.walk("make_desk", someone.token) for _ in range(9)))
    for node in (None, *(desk["id"] for [desk] in desks)):
        event = {"type": "walker", "walker": "get_or_create", "node": node}
        async with ledger.connect(someone.token) as socket:
            over_socket, *over_rest = await asyncio.gather(
                ask_all(socket, [event] * (at_once // 2)),
                *(ledger.walk("get_or_create", someone.token, node) for _ in range(at_once // 2)),
            )
        found = {profile["id"] for [profile] in (*over_socket, *over_rest)}
        assert len(found) == 1
        [[only]] = await ledger.walk("profiles", someone.token, node)
        assert {only["id"]} == found


async def test_no_reader_sees_another_sum_while_transfers_run(ledger: Server) -> None:
    bank = await ledger.user()
    [accounts] = await ledger.walk("open_accounts", bank.token, count=ACCOUNTS, balance=BALANCE)
    ids = [account["id"] for account in accounts]
    expected = [BALANCE] * ACCOUNTS
    is_over = asyncio.Event()
    chance = random.Random(20)

    async def transfer_over_rest() -> None:
        for _ in range(20):
            source, target = chance.sample(range(ACCOUNTS), 2)
            amount = chance.randint(1, 50)
            fields = {"source": ids[source], "target": ids[target], "amount": amount}
            response = await ledger.post("/walker/transfer", fields, bank.token)
            if response.status_code == 200:
                expected[source] -= amount
                expected[target] += amount
            else:
                assert response.status_code == 409, response.text

    async def transfer_over_a_socket() -> None:
        async with ledger.connect(bank.token) as socket:
            for number in range(20):
                source, target = chance.sample(range(ACCOUNTS), 2)
                amount = chance.randint(1, 50)
                context = {"source": ids[source], "target": ids[target], "amount": amount}
                event = {"type": "walker", "walker": "transfer", "context": context, "id": number}
                reply = await socket.ask(event)
                if reply["ok"]:
                    expected[source] -= amount
                    expected[target] += amount
                else:
                    assert reply["error"]["code"] == "conflict"

    async def read() -> list[int]:
        sums = []
        while not is_over.is_set():
            [found] = await ledger.walk("balances", bank.token)
            sums.append(sum(found))
        return sums

    readers = [asyncio.create_task(read()) for _ in range(2)]
    await asyncio.gather(
        *(transfer_over_rest() for _ in range(4)), *(transfer_over_a_socket() for _ in range(4))
    )
    is_over.set()
    seen = [total for sums in await asyncio.gather(*readers) for total in sums]

    assert len(seen) > 10
    assert set(seen) == {ACCOUNTS * BALANCE}
    assert await ledger.walk("balances", bank.token) == [expected], "each acknowledged transfer counts, once"


async def test_a_crowd_that_changes_a_record_and_a_neighbourhood_does_not_wait_for_itself(
    ledger: Server,
) -> None:
    someone = await ledger.user()
    events = [{"type": "walker", "walker": "keep", "context": {"text": str(number)}} for number in range(48)]
    async with ledger.connect(someone.token) as socket, asyncio.timeout(HOLD_SECONDS):
        await ask_all(socket, events)
    texts, tally = await ledger.walk("kept", someone.token)
    assert (len(set(texts)), tally) == (48, 48)
